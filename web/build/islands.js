// Wakes the islands of a page after it has been painted. A page without islands loads no wasm at all.
// The two addresses are filled in by the build (web/build/site.mjs), which gives every file a name of its content.
const SCRIPT = "__SCRIPT__";
const WASM = "__WASM__";

// Islands wake from the outside in. An island's own children wait inside <leptos-children> until their parent has
// said (by $$on_hydrate) that its part of the page is theirs again.
async function wake(node, module, parents) {
  let within = parents;
  if (node.localName === "leptos-island") {
    const island = module[node.dataset.component];
    if (!island) throw new Error(`This page has an island that the script does not know: ${node.dataset.component}`);
    parents.at(-1)?.();
    await island(node);
  } else if (node.localName === "leptos-children") {
    within = [...parents, node.$$on_hydrate];
  }
  for (const child of node.children) await wake(child, module, within);
}

async function start() {
  const module = await import(SCRIPT);
  await module.default({ module_or_path: WASM });
  module.hydrate();
  await wake(document.body, module, []);
  document.documentElement.dataset.islands = "awake";
}

if (document.querySelector("leptos-island")) {
  const soon = window.requestIdleCallback ?? ((run) => setTimeout(run, 1));
  soon(() => start());
}
