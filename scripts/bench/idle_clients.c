/* idle_clients: connections that say one thing and then nothing.
 *
 *   idle_clients HOST PORT CONNECTIONS MESSAGE_BYTES
 *
 * Opens the connections one after another, sends a message over each and waits
 * for its echo, prints "ready", and holds them all open until its standard
 * input ends. What an idle connection costs a server is measured after it has
 * been used, because buffers are often allocated by the first message.
 * Build: cc -O2 -o idle_clients idle_clients.c
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int exchange(int fd, const char *message, char *scratch, size_t size) {
  if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) return -1;
  if (recv(fd, scratch, size, MSG_WAITALL) != (ssize_t)size) return -1;
  return memcmp(message, scratch, size);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s HOST PORT CONNECTIONS MESSAGE_BYTES\n", argv[0]);
    return 2;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) return 2;
  size_t size = (size_t)atol(argv[4]);
  char *message = calloc(1, size), *scratch = malloc(size);
  if (message == NULL || scratch == NULL) return 2;

  for (int left = atoi(argv[3]); left > 0; left--) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        exchange(fd, message, scratch, size) != 0) {
      perror("idle_clients");
      return 1;
    }
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}
