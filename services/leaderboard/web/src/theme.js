/* Before anything is painted: the theme the reader chose, else that of the device. */
try {
	const chosen = localStorage.getItem("theme");
	if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* storage is switched off: the device's theme */ }
