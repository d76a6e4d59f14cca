"use strict";

const place = document.getElementById("document");

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.address,
  deepLinking: true,
  docExpansion: "none",
  persistAuthorization: false,
  tryItOutEnabled: true,
});
