// What is wrong with how a page looks, as texts. Nothing here depends on fonts or exact pixels.
() => {
  const found = [];
  const name = (element) => element.outerHTML.slice(0, 100);
  const unseen = ".visually-hidden, .unseen, .skip, [aria-hidden=true], svg *, option, textarea, script, style";
  const shown = [...document.body.querySelectorAll("*")].filter(
    (element) => !element.matches(unseen) && !element.closest(".visually-hidden, .unseen") && element.checkVisibility({ visibilityProperty: true }),
  );

  const excess = document.documentElement.scrollWidth - innerWidth;
  if (excess > 0) found.push(`the page is ${excess} px too wide`);

  const titles = shown.filter((element) => element.matches("h1")).length;
  if (titles !== 1) found.push(`${titles} headings of level 1`);

  // Text that is cut off. An ellipsis is meant.
  for (const element of shown) {
    if (![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
    const { overflowX, overflowY, textOverflow } = getComputedStyle(element);
    const cut =
      (["hidden", "clip"].includes(overflowX) && textOverflow !== "ellipsis" && element.scrollWidth > element.clientWidth + 1) ||
      (["hidden", "clip"].includes(overflowY) && element.scrollHeight > element.clientHeight + 1);
    if (cut) found.push(`cut off: ${name(element)}`);
  }

  // Links and controls that lie outside of the page or over one another. What scrolls may do both.
  const scrolls = (element) => {
    for (let one = element.parentElement; one && one !== document.body; one = one.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(one);
      if (["auto", "scroll"].includes(overflowX) || ["auto", "scroll"].includes(overflowY)) return true;
    }
    return false;
  };
  const controls = shown
    .filter((element) => element.matches("a[href], button, input, select, summary") && !scrolls(element))
    .map((element) => ({ element, boxes: [...element.getClientRects()] }));
  for (const { element, boxes } of controls) {
    if (boxes.some((box) => box.left < -1 || box.right > innerWidth + 1)) found.push(`outside of the page: ${name(element)}`);
  }
  controls.forEach((one, index) => {
    for (const other of controls.slice(index + 1)) {
      if (one.element.contains(other.element) || other.element.contains(one.element)) continue;
      const over = one.boxes.some((a) =>
        other.boxes.some(
          (b) =>
            Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1,
        ),
      );
      if (over) found.push(`over one another: ${name(one.element)} and ${name(other.element)}`);
    }
  });
  return found;
}
