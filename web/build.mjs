/**
 * Builds the page: web/src -> src/callboard/delivery/web/dist.
 *
 * The same sources give the same bytes and names, so a rebuild changes nothing it need not.
 * Fails when the page grows beyond its budget or would fetch anything from another origin.
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import * as esbuild from "esbuild";
import { minify } from "terser";

const WEB = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(WEB, "src");
const DIST = join(WEB, "../src/callboard/delivery/web/dist");

// What a phone on a slow line loads in about a second.
const BUDGET_KIB = 80;

const ADDRESS = /(?:https?|wss?):\/\/[a-z0-9][^\s"'`)<>\\]*/gi;

// Names and words, fetched by nobody: the namespaces of SVG, MathML and XLink that Preact
// compares with, and where an error message of Socket.IO's sends its reader.
const HARMLESS = [/^https?:\/\/www\.w3\.org\//, /^https:\/\/socket\.io\/docs\//];

/** Leaves out the indentation inside templates, which a minifier may not touch: htm ignores it. */
const flat = {
  name: "flat",
  setup(build) {
    build.onLoad({ filter: /[\\/]web[\\/]src[\\/].*\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return { contents: text.replaceAll(/\n[ \t]+/g, "\n"), loader: "js" };
    });
  },
};

async function bundle() {
  const result = await esbuild.build({
    absWorkingDir: WEB,
    entryPoints: { app: "src/main.js", styles: "src/styles.css" },
    outdir: DIST,
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome105", "firefox110", "safari16"],
    legalComments: "none", // all of it is in THIRD_PARTY_LICENSES.txt
    charset: "utf8",
    define: { "process.env.NODE_ENV": '"production"' },
    metafile: true,
    plugins: [flat],
    logLevel: "warning",
  });
  const textOf = (end) => result.outputFiles.find((file) => file.path.endsWith(end)).text;
  const inputs = Object.keys(result.metafile.inputs);
  // A second pass: some 3 % of what is transferred, for a second of building.
  const { code } = await minify(textOf(".js"), {
    module: true,
    ecma: 2022,
    compress: { passes: 3, unsafe_arrows: true },
  });
  return { script: code, styles: textOf(".css"), inputs };
}

/** Return the name under which a file may be cached for ever. */
function hashed(name, extension, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return `assets/${name}-${hash}.${extension}`;
}

/** Return the licences of every package that is in the bundle, by name. */
async function licences(inputs) {
  const folders = new Set(
    inputs.map((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean),
  );
  const parts = await Promise.all([...folders].sort().map(licenceOf));
  return `The page of callboard contains the following packages.\n\n${parts.join("\n")}`;
}

async function licenceOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(WEB, folder, "package.json")));
  const files = await readdir(join(WEB, folder));
  const file = files.find((entry) => /^licen[sc]e/i.test(entry));
  if (!license || !file) throw new Error(`${folder}: no licence found`);
  const text = await readFile(join(WEB, folder, file), "utf8");
  const line = "=".repeat(72);
  return `${line}\n${name} ${version} (${license})\n${line}\n\n${text.trim()}\n`;
}

/** Throw if any of the files names an address on another origin. */
function refuseForeign(files) {
  for (const [name, text] of Object.entries(files)) {
    const addresses = text.match(ADDRESS) ?? [];
    const foreign = addresses.filter((address) => !HARMLESS.some((known) => known.test(address)));
    if (foreign.length > 0) throw new Error(`${name} names foreign addresses: ${foreign.join(", ")}`);
  }
}

/** Print sizes and throw if the page is over its budget. */
function weigh(files) {
  let total = 0;
  for (const [name, text] of Object.entries(files)) {
    const bytes = gzipSync(text, { level: 9 }).length;
    if (/\.(?:js|css)$/.test(name)) total += bytes;
    console.log(`${name}  ${kib(Buffer.byteLength(text))} KiB, gzip ${kib(bytes)} KiB`);
  }
  console.log(`JS + CSS gzip ${kib(total)} KiB of ${BUDGET_KIB} KiB`);
  if (total > BUDGET_KIB * 1024) throw new Error("the page is over its budget");
}

function kib(bytes) {
  return (bytes / 1024).toFixed(1);
}

async function build() {
  const { script, styles, inputs } = await bundle();
  const favicon = await readFile(join(SOURCE, "favicon.svg"), "utf8");
  const names = {
    script: hashed("app", "js", script),
    styles: hashed("app", "css", styles),
    favicon: hashed("favicon", "svg", favicon),
  };
  const template = await readFile(join(SOURCE, "index.html"), "utf8");
  const index = template.replaceAll(/\{\{(\w+)\}\}/g, (_, name) => `/${names[name]}`);
  const served = {
    "index.html": index,
    [names.script]: script,
    [names.styles]: styles,
    [names.favicon]: favicon,
  };
  refuseForeign(served);
  weigh(served);
  await rm(DIST, { recursive: true, force: true });
  await mkdir(join(DIST, "assets"), { recursive: true });
  const files = { ...served, "THIRD_PARTY_LICENSES.txt": await licences(inputs) };
  for (const [name, text] of Object.entries(files)) await writeFile(join(DIST, name), text);
  console.log(`built into ${relative(process.cwd(), DIST) || DIST}`);
}

await build();
