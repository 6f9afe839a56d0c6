// One chart instead of the page: what `edgetp report --svg --png` asks for by
// "#picture=step-time&width=900&scale=2". All that is left of the page is the text of the file, and
// the same as pixels, in base64.
"use strict";

const PICTURE = new URLSearchParams(location.hash.slice(1));

// A PNG with so many pixels to each of the drawing's.
async function pixelsOf(svg, scale) {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = element("canvas", { width: image.width * scale, height: image.height * scale });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png").split(",")[1];
}

async function showPicture(cards, view) {
  const card = cards.find(({ chart }) => chart.id === PICTURE.get("picture"));
  card.drawing.style.width = `${Number(PICTURE.get("width")) - 2 * FILE_MARGIN}px`;
  card.show(view);
  if (card.node.getAttribute("data-drawn") !== "chart") {
    document.body.replaceChildren(element("pre", { id: "reason" }, card.drawing.textContent));
    return;
  }
  const svg = svgFileOf(card.drawing);
  const pixels = await pixelsOf(svg, Number(PICTURE.get("scale")));
  document.body.replaceChildren(
    element("pre", { id: "drawing" }, svg),
    element("pre", { id: "pixels" }, pixels),
  );
}
