// Tessera's own: starts Swagger UI on /docs, where the content security policy allows no inline script.
window.SwaggerUIBundle({
  url: `${document.documentElement.dataset.root}/openapi.json`,
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  // The online validator would send the schema to another host.
  validatorUrl: null,
});
