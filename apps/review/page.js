// What the pages need in the browser beside Streamlit: a closer look at the large photo, and Enter that ends a note.

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
