/* uv_echo: the floor for an echo server, libuv with nothing on top.
 *
 *   uv_echo PORT
 *
 * One loop, one read buffer of 256 KiB for all connections, uv_try_write
 * first and a queued uv_write for what the socket did not take.
 * Build: cc -O2 -o uv_echo uv_echo.c -luv
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char buffer[262144];

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  (void)handle;
  (void)suggested;
  *out = uv_buf_init(buffer, sizeof buffer);
}

static void on_close(uv_handle_t *handle) { free(handle); }

static void on_written(uv_write_t *request, int status) {
  (void)status;
  free(request);
}

static void queue_rest(uv_stream_t *stream, const char *data, size_t size) {
  uv_write_t *request = malloc(sizeof *request + size);
  char *copy = (char *)(request + 1);
  memcpy(copy, data, size);
  uv_buf_t rest = uv_buf_init(copy, (unsigned)size);
  uv_write(request, stream, &rest, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *data) {
  if (size < 0) {
    uv_close((uv_handle_t *)stream, on_close);
    return;
  }
  uv_buf_t out = uv_buf_init(data->base, (unsigned)size);
  int sent = uv_try_write(stream, &out, 1);
  if (sent < 0) sent = 0;
  if (sent < size) queue_rest(stream, data->base + sent, (size_t)(size - sent));
}

static void on_connection(uv_stream_t *server, int status) {
  if (status < 0) return;
  uv_tcp_t *client = malloc(sizeof *client);
  uv_tcp_init(server->loop, client);
  uv_accept(server, (uv_stream_t *)client);
  uv_tcp_nodelay(client, 1);
  uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  struct sockaddr_in address;
  uv_tcp_t server;
  /* Clients leave in the middle of a write when the measurement ends. */
  signal(SIGPIPE, SIG_IGN);
  uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 8888, &address);
  uv_tcp_init(loop, &server);
  uv_tcp_bind(&server, (struct sockaddr *)&address, 0);
  if (uv_listen((uv_stream_t *)&server, 511, on_connection) != 0) return 1;
  return uv_run(loop, UV_RUN_DEFAULT);
}
