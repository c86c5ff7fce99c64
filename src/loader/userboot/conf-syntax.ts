// SPDX-License-Identifier: BSD-2-Clause
// One line of a loader.conf(5), the way either generation of the FreeBSD loader takes it.
//
//   lua     stand/lua/config.lua: patterns, tried in order. A quoted value reaches from the first quote to the last
//           of the line; \x is x; $name and ${name} are replaced in variables, not in what concerns modules.
//   forth   stand/forth/support.4th: a state machine. A quoted value ends at the next quote that no backslash
//           hides, and then loses all its backslashes; module suffixes count behind any name. A variable's value
//           is not expanded here: the line becomes a `set` command.
//
// In both: blanks around = are allowed, # starts a comment behind a value, words of letters, digits, `-`, `_` and `.`
// need no quotes. device.hints and nextboot.conf are in the same language.

export type ConfDialect = "lua" | "forth";

/** What may be said of a module: `foo_load="YES"`, `foo_name=…`, and so on. */
const MODULE_FIELDS = ["load", "name", "type", "flags", "before", "after", "error"] as const;
export type ModuleField = (typeof MODULE_FIELDS)[number];

export type ConfStatement =
  | { readonly kind: "blank" }
  /** `value` as written, quotes taken off in the lua dialect, kept in the forth one. */
  | { readonly kind: "variable"; readonly name: string; readonly value: string }
  | {
      readonly kind: "module";
      readonly module: string;
      readonly field: ModuleField;
      readonly value: string;
    }
  | { readonly kind: "exec"; readonly command: string }
  /** `column` counts from 0: where the line stopped making sense. */
  | { readonly kind: "malformed"; readonly column: number };

/** Total: any line is a statement. The line comes without its newline. */
export function parseConfLine(line: string, dialect: ConfDialect): ConfStatement {
  return dialect === "lua" ? parseLua(line) : parseForth(line);
}

const LUA_MODULE = new RegExp(
  `^\\s*([-A-Za-z0-9_]+)_(${MODULE_FIELDS.join("|")})\\s*=\\s*([\\s\\S]*)$`,
);
const LUA_EXEC = /^\s*exec\s*=\s*"([\s\S]*)"\s*([\s\S]*)$/;
const LUA_VARIABLE = /^\s*([A-Za-z0-9][-A-Za-z0-9_.]*)\s*=\s*([\s\S]*)$/;
const LUA_QUOTED = /^"([\s\S]*)"\s*([\s\S]*)$/;
const LUA_WORD = /^([-A-Za-z0-9][-A-Za-z0-9_.]*)\s*([\s\S]*)$/;
const LUA_BLANK = /^\s*(?:#[\s\S]*)?$/;

function parseLua(line: string): ConfStatement {
  if (LUA_BLANK.test(line)) return { kind: "blank" };
  const malformed = { kind: "malformed", column: 0 } as const;
  const module = LUA_MODULE.exec(line);
  if (module !== null) {
    const value = luaValue(module[3]!);
    if (value === undefined) return malformed;
    const field = module[2] as ModuleField;
    return { kind: "module", module: module[1]!, field, value };
  }
  const exec = LUA_EXEC.exec(line);
  if (exec !== null) {
    return LUA_BLANK.test(exec[2]!) ? { kind: "exec", command: exec[1]! } : malformed;
  }
  const variable = LUA_VARIABLE.exec(line);
  const value = variable === null ? undefined : luaValue(variable[2]!);
  if (variable === null || value === undefined) return malformed;
  return { kind: "variable", name: variable[1]!, value };
}

/** A quoted value, else a word; undefined if there is neither, or something but a comment follows. */
function luaValue(text: string): string | undefined {
  const match = LUA_QUOTED.exec(text) ?? LUA_WORD.exec(text);
  return match !== null && LUA_BLANK.test(match[2]!) ? match[1]! : undefined;
}

/** Characters; the last variable may go beyond. */
const LONGEST_VALUE = 0x1_0000;

export type Expansion =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly reason: string };

/** Backslashes and variables in the value of a variable, lua dialect. Positions count from 1. */
export function expandLuaValue(
  value: string,
  lookup: (name: string) => string | undefined,
): Expansion {
  let result = "";
  for (let i = 0; i < value.length; i++) {
    const c = value[i]!;
    if (result.length > LONGEST_VALUE) return refuse("the value is too long");
    if (c === '"') return refuse(`Stray quote at position '${i + 1}'`);
    if (c !== "\\" && c !== "$") {
      result += c;
      continue;
    }
    if (i === value.length - 1) {
      return refuse(c === "$" ? "Unescaped $ at end of line" : "Stray escape at end of line");
    }
    if (c === "\\") {
      result += value[++i]!;
      continue;
    }
    const reference = /^(?:\{([^}]+)\}|([A-Za-z0-9][-A-Za-z0-9_.]*))/.exec(value.slice(i + 1));
    if (reference === null) return refuse(`Malformed variable expression at position '${i + 1}'`);
    result += lookup((reference[1] ?? reference[2])!) ?? "";
    i += reference[0].length;
  }
  return { ok: true, value: result };
}

function refuse(reason: string): Expansion {
  return { ok: false, reason };
}

const FORTH_NAME = /[A-Za-z][-A-Za-z0-9_.]*/y;
const FORTH_WORD = /[-A-Za-z0-9][-A-Za-z0-9_.]*/y;
const FORTH_QUOTED = /"(?:[^"\\]|\\[\s\S])*"/y;
const FORTH_BLANKS = /[ \t]*/y;

function parseForth(line: string): ConfStatement {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match === null) return undefined;
    at += match[0].length;
    return match[0];
  };
  const isOver = () => {
    take(FORTH_BLANKS);
    return at === line.length || line[at] === "#";
  };
  if (isOver()) return { kind: "blank" };
  const name = take(FORTH_NAME);
  take(FORTH_BLANKS);
  if (name === undefined || line[at] !== "=") return { kind: "malformed", column: at };
  at++;
  take(FORTH_BLANKS);
  const value = line[at] === '"' ? take(FORTH_QUOTED)?.replaceAll("\\", "") : take(FORTH_WORD);
  if (value === undefined || !isOver()) return { kind: "malformed", column: at };
  return forthStatement(name, value);
}

function forthStatement(name: string, value: string): ConfStatement {
  if (name === "exec") return { kind: "exec", command: unquote(value) };
  for (const field of MODULE_FIELDS) {
    const suffix = `_${field}`;
    if (name.endsWith(suffix) && name.length > suffix.length && !FORTH_OWN.has(name)) {
      const module = name.slice(0, -suffix.length);
      return { kind: "module", module, field, value: unquote(value) };
    }
  }
  return { kind: "variable", name, value };
}

/** Settings of the reader itself, looked for before the suffixes. */
const FORTH_OWN = new Set([
  "loader_conf_files",
  "nextboot_enable",
  "nextboot_conf",
  "verbose_loading",
]);

/** Takes the quotes off a value, if it has them. */
export function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1) : value;
}
