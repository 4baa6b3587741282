// What the pages need in the browser beside Streamlit: a closer look at the large photo, Enter that ends a note, and
// decisions that count only for a pair that has been looked at.

const large = (event) => event.target.closest?.('[class*="st-key-photo"] img');

function aim(photo, event) {
  const { left, top, width, height } = photo.parentElement.getBoundingClientRect();
  photo.style.transformOrigin = `${(100 * (event.clientX - left)) / width}% ${(100 * (event.clientY - top)) / height}%`;
}

document.addEventListener("click", (event) => {
  const photo = large(event);
  if (!photo) return;
  aim(photo, event);
  photo.classList.toggle("near");
});

document.addEventListener("mousemove", (event) => {
  const photo = large(event);
  if (photo) aim(photo, event);
});

// The next photo comes in the same element, and is seen whole. (A load does not bubble.)
document.addEventListener("load", (event) => event.target.classList?.remove("near"), true);

// After a note, the next key shall decide and not be written into the note.
document.addEventListener("keyup", (event) => {
  if (event.key === "Enter" && event.target.matches?.('[class*="st-key-note"] input')) event.target.blur();
});

// A decision counts once its pair, photo included, has been on screen for window.firstLook milliseconds. Until then its
// keys and buttons do nothing, and the page has the attribute data-early, by which the buttons are dim.
const page = document.documentElement;
const name = (kind) => document.querySelector(`[class*="st-key-${kind}-"]`)?.className.match(`st-key-${kind}-(\\S+)`)[1];
const whole = (photo) => photo?.complete && photo.naturalWidth > 0;
let pair, timer;

function onScreen() {
  const shown = name("later");
  const seen = whole(document.querySelector('[class*="st-key-photo"] img')) ? name("photo") : name("missing");
  return shown && shown === seen && !document.hidden ? shown : undefined;
}

function lookAgain() {
  clearTimeout(timer);
  page.toggleAttribute("data-early", true);
  if (pair) timer = setTimeout(() => page.removeAttribute("data-early"), window.firstLook);
}

function look() {
  const shown = onScreen();
  if (shown === pair) return;
  pair = shown;
  lookAgain();
}

function guard(event) {
  if (page.hasAttribute("data-early")) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else {
    lookAgain(); // of a second press on the same pair, before the next one comes
  }
}

lookAgain();
new MutationObserver(look).observe(page, { subtree: true, childList: true, attributeFilter: ["class", "src"] });
document.addEventListener("load", look, true);
document.addEventListener("visibilitychange", look);

window.addEventListener("keydown", (event) => {
  if (event.target.closest?.("input, textarea, [contenteditable]") || !name("later")) return;
  const keys = [...document.querySelectorAll('[class*="st-key-decide-"] kbd')].map((key) => key.textContent.trim());
  if (event.repeat) event.stopImmediatePropagation(); // a key that is held down: no decision, and none taken back
  else if (keys.includes(event.key)) guard(event);
}, true);

window.addEventListener("click", (event) => {
  if (event.target.closest?.('[class*="st-key-decide-"]')) guard(event);
}, true);
