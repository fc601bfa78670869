/* Before anything is painted: the theme the reader chose, else that of the device, also when that changes. */
const device = matchMedia("(prefers-color-scheme: dark)");
function setTheme() {
	let chosen = null;
	try {
		chosen = localStorage.getItem("theme");
	} catch { /* storage is switched off: the device's theme */ }
	document.documentElement.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : device.matches ? "dark" : "light";
}
device.addEventListener("change", setTheme);
setTheme();
