"use strict";

// The console is compiled in where npm was at hand when this service was built.
if (typeof SwaggerUIBundle === "undefined") {
	document.getElementById("docs").textContent =
		"This build has no console; read the document itself.";
} else {
	SwaggerUIBundle({
		url: "openapi.json",
		dom_id: "#docs",
		deepLinking: true,
		docExpansion: "list",
		filter: true,
		tryItOutEnabled: true,
		// No badge: it would send the document's address to another host.
		validatorUrl: null,
	});
}
