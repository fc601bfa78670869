/* Server-Sent Events that stay: an EventSource that the server refused, or a network cut, is opened again with growing waits; one
 * that nobody looks at (the tab is hidden) is closed until it is looked at again. */
const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 20000;

/* handlers: { events: {name: (data) => …}, state: ("live" | "waiting") => … }; an event handler that returns "end" ends it all. */
export function follow(url, handlers, signal) {
	let source = null, timer = null, waitMs = FIRST_WAIT_MS, ended = false;
	const close = () => {
		clearTimeout(timer);
		timer = null;
		source?.close();
		source = null;
	};
	const later = () => {
		close();
		if (ended) return;
		handlers.state?.("waiting");
		timer = setTimeout(open, waitMs * (0.7 + 0.6 * Math.random()));
		waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
	};
	function open() {
		timer = null;
		if (ended || document.hidden) return;
		source = new EventSource(url);
		source.onopen = () => { waitMs = FIRST_WAIT_MS; handlers.state?.("live"); };
		source.onerror = () => {
			handlers.state?.("waiting");
			if (source?.readyState === EventSource.CLOSED) later();
		};
		for (const [name, handle] of Object.entries(handlers.events))
			source.addEventListener(name, (event) => {
				if (handle(JSON.parse(event.data)) === "end") stop();
			});
	}
	const look = () => {
		if (document.hidden) close();
		else if (!source && !timer) open();
	};
	const online = () => { if (timer) { close(); waitMs = FIRST_WAIT_MS; open(); } };
	function stop() {
		ended = true;
		close();
		document.removeEventListener("visibilitychange", look);
		removeEventListener("online", online);
	}
	document.addEventListener("visibilitychange", look);
	addEventListener("online", online);
	signal.addEventListener("abort", stop, { once: true });
	open();
}
