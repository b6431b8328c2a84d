// A chart's tooltip as elements with classes: the page's policy forbids inline styles in markup.
export function tip(title, pairs, note) {
  const box = document.createElement("div");
  box.className = "tip";
  box.append(element("b", title));
  const list = document.createElement("dl");
  for (const [label, value] of pairs) list.append(element("dt", label), element("dd", value));
  box.append(list);
  if (note) box.append(element("p", note));
  return box;
}

export function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text ?? "";
  return made;
}
