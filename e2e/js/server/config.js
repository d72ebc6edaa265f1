// Writes the server's configuration file (TOML) from a plain object.

/** Sections are objects, `[[apps]]` an array of objects, everything else a scalar or a list of scalars. */
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
  return Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
}
