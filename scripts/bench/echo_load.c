/* echo_load: a closed-loop echo client.
 *
 *   echo_load HOST PORT CONNECTIONS MESSAGE_BYTES SECONDS [SERVER_PID]
 *
 * Each connection sends one message, waits until all of it came back, checks
 * it byte for byte, and sends the next. A fifth of the time, at most half a
 * second, goes by before counting starts, so that neither the accepting nor a
 * just-in-time compiler is measured. Prints `metric value` lines:
 *   rps          round trips per second
 *   p99_us       99th percentile of a round trip's latency
 *   server_us    the server's processor time per round trip (with SERVER_PID,
 *                Linux); on a machine with other work the steadiest figure
 *   errors       connections lost or answered wrongly; the exit status, too
 * Build: cc -O2 -o echo_load echo_load.c
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int fd;
  size_t sent, received;
  uint64_t started;
} connection_t;

/* Latencies: buckets of 1 us up to 1 s. */
enum { BUCKETS = 1000000 };

static uint32_t histogram[BUCKETS];
static uint64_t round_trips, errors;
static char *message, *scratch;
static size_t message_size;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Nanoseconds that all threads of a process spent on a processor. */
static double server_cpu_ns(const char *pid) {
  char path[300];
  double total = 0;
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *tasks = opendir(path);
  for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
    double spent = 0;
    snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/schedstat", pid, task->d_name);
    FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
    if (file == NULL) continue;
    if (fscanf(file, "%lf", &spent) == 1) total += spent;
    fclose(file);
  }
  if (tasks != NULL) closedir(tasks);
  return total;
}

static int push(connection_t *c) {
  while (c->sent < message_size) {
    ssize_t n = send(c->fd, message + c->sent, message_size - c->sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    c->sent += (size_t)n;
  }
  return 0;
}

static int start(connection_t *c) {
  c->sent = c->received = 0;
  c->started = now_ns();
  return push(c);
}

static void count_round_trip(const connection_t *c) {
  uint64_t us = (now_ns() - c->started) / 1000;
  histogram[us < BUCKETS ? us : BUCKETS - 1]++;
  round_trips++;
}

static int pull(connection_t *c) {
  for (;;) {
    ssize_t n = recv(c->fd, scratch, message_size - c->received, 0);
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    if (n == 0) return -1;
    if (memcmp(scratch, message + c->received, (size_t)n) != 0) return -1;
    c->received += (size_t)n;
    if (c->received == message_size) {
      count_round_trip(c);
      if (start(c) < 0) return -1;
    }
  }
}

static uint64_t percentile(double fraction) {
  uint64_t wanted = (uint64_t)(fraction * (double)round_trips), seen = 0;
  for (uint64_t i = 0; i < BUCKETS; i++) {
    seen += histogram[i];
    if (seen > wanted) return i;
  }
  return BUCKETS;
}

/* The server may still be starting: a refused connection is tried again for
 * ten seconds. */
static int connect_patiently(const struct sockaddr_in *address) {
  for (int tries = 0;; tries++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) return fd;
    int code = errno;
    close(fd);
    errno = code;
    if (code != ECONNREFUSED || tries == 1000) return -1;
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
}

static int open_connection(connection_t *c, const struct sockaddr_in *address, int poller) {
  int one = 1, send_buffer = 262144;
  c->fd = connect_patiently(address);
  if (c->fd < 0) {
    perror("echo_load: connect");
    return -1;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  fcntl(c->fd, F_SETFL, O_NONBLOCK); /* only now: the connect itself may block */
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  return epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void fail(connection_t *c) {
  errors++;
  close(c->fd);
  c->fd = -1;
}

static void exchange_until(uint64_t end, int poller) {
  struct epoll_event events[256];
  while (now_ns() < end) {
    int n = epoll_wait(poller, events, 256, 100);
    for (int i = 0; i < n; i++) {
      connection_t *c = events[i].data.ptr;
      if (c->fd >= 0 && (push(c) < 0 || pull(c) < 0)) fail(c);
    }
  }
}

static void measure(double seconds, int poller, const char *server) {
  double warm_up = seconds / 5 < 0.5 ? seconds / 5 : 0.5;
  exchange_until(now_ns() + (uint64_t)(warm_up * 1e9), poller);
  memset(histogram, 0, sizeof histogram);
  round_trips = 0;

  double cpu = server != NULL ? server_cpu_ns(server) : 0;
  uint64_t begin = now_ns();
  exchange_until(begin + (uint64_t)(seconds * 1e9), poller);
  double elapsed = (double)(now_ns() - begin) / 1e9;
  if (server != NULL) cpu = server_cpu_ns(server) - cpu;

  printf("rps %.0f\n", (double)round_trips / elapsed);
  printf("p99_us %llu\n", (unsigned long long)percentile(0.99));
  if (cpu > 0 && round_trips > 0) printf("server_us %.3f\n", cpu / 1e3 / (double)round_trips);
  printf("errors %llu\n", (unsigned long long)errors);
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: %s HOST PORT CONNECTIONS MESSAGE_BYTES SECONDS [SERVER_PID]\n", argv[0]);
    return 2;
  }
  int connections = atoi(argv[3]);
  message_size = (size_t)atol(argv[4]);
  message = malloc(message_size);
  scratch = malloc(message_size);
  connection_t *all = calloc((size_t)connections, sizeof *all);
  if (message == NULL || scratch == NULL || all == NULL) return 2;
  for (size_t i = 0; i < message_size; i++) message[i] = (char)('a' + i % 26);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) return 2;
  int poller = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    if (open_connection(&all[i], &address, poller) < 0) return 1;
    if (start(&all[i]) < 0) fail(&all[i]);
  }
  measure(atof(argv[5]), poller, argc > 6 ? argv[6] : NULL);
  return errors ? 1 : 0;
}
