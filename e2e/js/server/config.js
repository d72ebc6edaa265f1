// Writes the server's configuration file (TOML) from a plain object.

/** Sections are objects, `[[apps]]` an array of objects; deeper objects are inline tables, all else scalars and lists. */
export function toml(config) {
  const lines = [];
  for (const [name, value] of Object.entries(config)) {
    if (Array.isArray(value)) {
      for (const table of value) lines.push(`[[${name}]]`, ...pairs(table), '');
    } else {
      lines.push(`[${name}]`, ...pairs(value), '');
    }
  }
  return lines.join('\n');
}

function pairs(table) {
  return Object.entries(table).map(([key, value]) => `${key} = ${inline(value)}`);
}

function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'object') return `{ ${pairs(value).join(', ')} }`;
  return JSON.stringify(value);
}
