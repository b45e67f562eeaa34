// What a term means, beside its link, on hover and on focus. `terms.js`, which book/stage.py writes, has the texts.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.createElement("div");
  box.className = "term-preview";
  box.id = "term-preview";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.body.append(box);
  const hide = () => { box.hidden = true; };
  for (const link of document.querySelectorAll('a[href*="glossary.html#term-"]')) {
    const text = (window.TERMS ?? {})[decodeURIComponent(link.hash.slice(6)).toLowerCase()];
    if (!text) continue;
    link.setAttribute("aria-describedby", "term-preview");
    const show = () => {
      const at = link.getBoundingClientRect();
      box.textContent = text;
      box.hidden = false;
      const right = document.documentElement.clientWidth - box.offsetWidth - 8;
      box.style.left = `${Math.max(8, Math.min(at.left, right)) + scrollX}px`;
      box.style.top = `${at.bottom + 6 + scrollY}px`;
    };
    link.addEventListener("mouseenter", show);
    link.addEventListener("focus", show);
    link.addEventListener("mouseleave", hide);
    link.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
});
