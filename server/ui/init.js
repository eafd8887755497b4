// The document lies next to the folder of this script, whatever prefix the
// server is seen under.
const here = document.currentScript.src;

SwaggerUIBundle({
  url: new URL('../openapi.json', here).href,
  dom_id: '#swagger-ui',
  validatorUrl: null, // asks nobody else about the document
  deepLinking: true,
  persistAuthorization: false, // a token is forgotten with the page
  tryItOutEnabled: true,
});
