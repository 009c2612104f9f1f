// Shows the page anew every ten seconds, and says so when the bridge does not answer.
const reason = (s) => s.textContent.split(":")[0];
setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  const stale = document.getElementById("stale");
  try {
    const r = await fetch("/", {signal: AbortSignal.timeout(9000)});
    if (!r.ok) throw new Error(r.status);
    const page = new DOMParser().parseFromString(await r.text(), "text/html");
    const open = new Set([...document.querySelectorAll("details[open]>summary")].map(reason));
    document.querySelector("main").replaceWith(page.querySelector("main"));
    for (const s of document.querySelectorAll("details>summary")) s.parentNode.open = open.has(reason(s));
    document.title = page.title;
    stale.hidden = true;
  } catch { stale.hidden = false; }
}, 10000);
