/* What the streams of the leaderboard are measured beside: a plain Server-Sent Events server of Node on a unix socket. Each line on
 * its standard input is sent to everybody as one event. */
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const [path] = process.argv.slice(2), clients = new Set();
const server = createServer((from, to) => {
	to.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
	to.write("event: board\ndata: {}\n\n");
	clients.add(to);
	to.on("close", () => clients.delete(to));
});
server.keepAliveTimeout = 0;
server.listen({ path, backlog: 4096 }, () => console.log("ready"));
createInterface({ input: process.stdin }).on("line", (line) => {
	const event = `event: change\ndata: ${line}\n\n`;
	for (const client of clients) client.write(event);
});
