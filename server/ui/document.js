// shown makes of the published document the copy that the explorer shows. What
// it leaves out is left out of this copy only:
//
// - Optional parameters and form fields begin empty, so that Execute sends what
//   the visitor has filled in and nothing else; their examples and defaults move
//   into the description.
// - The ways to send an API token become one; other credentials stay where an
//   operation takes no token.
// - The permission is said in words, and what is deprecated or internal has a
//   section of its own.
const apiToken = 'API token';
const tokenSchemes = ['bearer', 'rawToken', 'authToken'];
const verbs = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

function shown(document) {
  const copy = structuredClone(document);
  const resolve = (value) => {
    while (value && value.$ref) {
      value = value.$ref.split('/').slice(1).reduce((at, key) => at[key.replaceAll('~1', '/').replaceAll('~0', '~')], copy);
    }
    return value;
  };
  const schemes = copy.components.securitySchemes;
  copy.components.securitySchemes = {
    [apiToken]: {
      type: 'http', scheme: 'bearer',
      description: 'An API token. This one credential is enough for everything but what machines and runners call with keys of their own.',
    },
    ...Object.fromEntries(Object.entries(schemes).filter(([name]) => !tokenSchemes.includes(name))),
  };
  copy.security = credentials(copy.security ?? []);
  for (const item of Object.values(copy.paths)) {
    const common = (item.parameters ?? []).map((p) => emptied(resolve(p)));
    if (common.length > 0) item.parameters = common;
    for (const operation of verbs.map((verb) => item[verb]).filter(Boolean)) {
      adapt(operation, copy, resolve);
    }
  }
  copy.tags = [
    ...copy.tags,
    { name: 'deprecated', description: 'Still answered for old clients; each operation names what takes its place.' },
    { name: 'internal', description: 'Operations of the old systems that this server refuses on purpose, with the reason.' },
  ];
  return copy;
}

function adapt(operation, copy, resolve) {
  if (operation.parameters) operation.parameters = operation.parameters.map((p) => emptied(resolve(p)));
  if (operation.security) operation.security = credentials(operation.security);
  const content = resolve(operation.requestBody)?.content;
  if (content) {
    operation.requestBody = structuredClone(resolve(operation.requestBody));
    operation.requestBody.content = bodies(operation.requestBody.content, resolve);
  }
  const permission = copy['x-permissions']?.[operation['x-permission']];
  if (permission) {
    operation.description += `\n\n**Permission** \`${operation['x-permission']}\`: ${permission.summary} Roles: ${permission.roles.join(', ')}.`;
  }
  if (operation['x-internal']) operation.tags = ['internal'];
  else if (operation.deprecated) operation.tags = ['deprecated'];
}

// emptied returns a parameter that begins empty unless it is required.
function emptied(parameter) {
  const p = structuredClone(parameter);
  if (p.required || p.in === 'path') return p;
  const example = p.example ?? Object.values(p.examples ?? {})[0]?.value ?? p.schema?.example;
  const notes = [];
  if (example !== undefined) notes.push(`Example: \`${text(example)}\`.`);
  if (p.schema?.default !== undefined) notes.push(`Default: \`${text(p.schema.default)}\`.`);
  p.description = [p.description, ...notes].filter(Boolean).join(' ');
  delete p.example;
  delete p.examples;
  if (p.schema && !p.schema.$ref) {
    delete p.schema.default;
    delete p.schema.example;
  } else if (p.schema) {
    p.schema = bare(p.schema);
  }
  return p;
}

// bare hides a referenced schema's default and example, which would be filled in.
function bare(schema) {
  return { allOf: [schema], default: undefined, example: undefined };
}

const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

// credentials joins the ways to send an API token into one.
function credentials(list) {
  const joined = [];
  for (const requirement of list) {
    const names = Object.keys(requirement);
    const entry = names.some((name) => tokenSchemes.includes(name)) ? { [apiToken]: [] } : requirement;
    if (!joined.some((other) => Object.keys(other).join() === Object.keys(entry).join())) joined.push(entry);
  }
  return joined;
}

// bodies leaves the fields of forms that must be filled in; the others are
// parameters as well. A form with a file comes first.
function bodies(content, resolve) {
  const entries = Object.entries(content).map(([type, media]) => {
    if (type !== 'multipart/form-data') return [type, media];
    const schema = structuredClone(resolve(media.schema));
    const required = schema.required ?? [];
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (!required.includes(name)) {
        schema.properties[name] = { ...structuredClone(resolve(property)), default: undefined, example: '' };
      }
    }
    return [type, { ...media, schema, example: undefined, examples: undefined }];
  });
  entries.sort(([a], [b]) => (b === 'multipart/form-data') - (a === 'multipart/form-data'));
  return Object.fromEntries(entries);
}
