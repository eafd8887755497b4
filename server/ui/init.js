// The document lies next to the folder of this script, whatever prefix the
// server is seen under.
const here = document.currentScript.src;

// matches looks for a phrase in what people know of an operation.
function matches(phrase, tag, operation) {
  const o = operation.get('operation');
  return [tag, operation.get('path'), operation.get('method'), o.get('summary'), o.get('operationId')]
    .some((value) => String(value ?? '').toLowerCase().includes(phrase));
}

// search filters operations, not only tags, and unfolds what it has found.
const search = {
  fn: {
    opsFilter: (tagged, phrase) => tagged
      .map((entry, tag) => entry.update('operations', (all) => all.filter((o) => matches(phrase.trim().toLowerCase(), tag, o))))
      .filter((entry) => entry.get('operations').size > 0),
  },
  statePlugins: {
    layout: {
      wrapSelectors: {
        isShown: (original, system) => (_, thing, byDefault) =>
          thing?.[0] === 'operations-tag' && typeof system.layoutSelectors.currentFilter() === 'string' && system.layoutSelectors.currentFilter() !== ''
          || original(thing, byDefault),
      },
    },
    auth: {
      // Above the operations stands the one credential that people have.
      wrapSelectors: {
        definitionsToAuthorize: (original) => (_, ...args) => {
          const all = original(...args);
          return all?.filter ? all.filter((entry) => entry.has(apiToken)) : all;
        },
      },
    },
  },
};

// The field for it says what it looks through, as soon as it is there.
new MutationObserver((_, observer) => {
  const field = document.querySelector('.operation-filter-input');
  if (!field) return;
  field.setAttribute('placeholder', 'Search: path, summary, operation id or tag');
  field.setAttribute('aria-label', 'Search operations');
  observer.disconnect();
}).observe(document.documentElement, { childList: true, subtree: true });

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const dress = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', dress);
dress();

fetch(new URL('../openapi.json', here))
  .then((answer) => {
    if (!answer.ok) throw new Error(`the document cannot be had: ${answer.status} ${answer.statusText}`);
    return answer.json();
  })
  .then((published) => {
    SwaggerUIBundle({
      spec: shown(published),
      dom_id: '#swagger-ui',
      plugins: [search],
      validatorUrl: null, // asks nobody else about the document
      deepLinking: true,
      docExpansion: 'none',
      defaultModelsExpandDepth: -1,
      displayOperationId: true,
      filter: true,
      persistAuthorization: false, // a token is forgotten with the page
      requestSnippetsEnabled: false,
      tryItOutEnabled: true,
    });
  })
  .catch((error) => {
    const note = document.createElement('p');
    note.className = 'broken';
    note.textContent = error.message;
    document.getElementById('swagger-ui').append(note);
  });
