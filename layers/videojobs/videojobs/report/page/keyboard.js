// Keyboard shortcuts of the whole page.

/**
 * Calls `actions[key](event)`: letters in lower case. Where a key has a meaning of its own, in a field or on a button, it keeps it.
 * `isOn()` tells whether single letters and signs are wanted: who dictates or shakes may do without.
 */
export function listenForKeys(actions, isOn) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog[open], input[type=search]")) return;
    if (target.matches("input[type=range], select") && /^(Arrow|Home|End|Page)/.test(key)) return;
    if (key === " " && target.matches("button, input, select, summary")) return;
    const isSingle = key.length === 1 && key !== " ";
    if (isSingle && !isOn()) return;
    const act = actions[isSingle ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
}
