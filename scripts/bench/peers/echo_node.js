// echo_node.js PORT: an echo server on node.
require('net').createServer((connection) => {
  connection.setNoDelay(true);
  connection.on('data', (data) => connection.write(data));
  connection.on('error', () => {});
}).listen({ port: +process.argv[2], host: '127.0.0.1', backlog: 511 });
