// What a point of a figure says for a screen reader is shown to the pointer too.
const tip = document.getElementById("tip");
for (const figure of document.querySelectorAll("figure")) {
  figure.addEventListener("pointermove", event => {
    const mark = event.target.closest(".role-mark [aria-label]");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.getAttribute("aria-label").split(" · ").join("\n");
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, room))}px`;
    tip.style.top = `${event.clientY + 18}px`;
  });
  figure.addEventListener("pointerleave", () => { tip.hidden = true; });
}
