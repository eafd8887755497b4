// What the pages cannot do alone. No dependency, no eval, no style.
(() => {
  'use strict';
  const $ = (q, r = document) => r.querySelector(q);
  const $$ = (q, r = document) => [...r.querySelectorAll(q)];

  // Times: the server writes UTC, here they become the viewer's.
  const clock = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const span = (s) => s < 60 ? `${s | 0} s` : s < 3600 ? `${s / 60 | 0} min` : s < 86400 ? `${s / 3600 | 0} h` : null;
  function times(root = document) {
    const now = Date.now();
    for (const t of $$('time[datetime]', root)) {
      const d = new Date(t.dateTime);
      if (isNaN(d)) continue;
      t.title ||= `${t.dateTime.replace('T', ' ').replace('Z', '')} UTC`;
      const s = (now - d) / 1000;
      const near = 'plain' in t.dataset ? null : span(Math.abs(s));
      t.textContent = near ? (s < -1 ? `in ${near}` : `${near} ago`) : clock.format(d);
    }
    const z = $('#zone', root);
    if (z) z.textContent = zone === 'UTC' ? 'Times in UTC' : `Times in ${zone}, UTC on hover`;
    for (const b of $$('button[data-copy]', root)) b.hidden = !navigator.clipboard;
    for (const b of $$('button[data-pause]', root)) b.hidden = false;
  }

  // Parts: elements of an answer take the place of those with the same id.
  function place(n) {
    const old = document.getElementById(n.id);
    if (!old) {
      const into = n.dataset.into && document.getElementById(n.dataset.into);
      if (!into) return;
      if (held && n.dataset.at !== 'end') { held.push(n); count(); return; }
      into[n.dataset.at === 'end' ? 'append' : 'prepend'](document.adoptNode(n));
      const most = +into.dataset.most;
      while (most && into.children.length > most) into[n.dataset.at === 'end' ? 'firstElementChild' : 'lastElementChild'].remove();
      times(n);
      return;
    }
    const focus = document.activeElement;
    if (focus && focus !== old && old.contains(focus) && focus.matches('input,select,textarea')) return; // somebody writes here
    const open = $$('details[open][id]', old).map((d) => d.id);
    const may = 'a[href],button,summary';
    const nth = old.contains(focus) ? $$(may, old).indexOf(focus) : -1; // a filter's own link changes with it
    const at = old.contains(focus) && (focus.id ? `#${CSS.escape(focus.id)}` : focus.getAttribute('href') && `a[href="${CSS.escape(focus.getAttribute('href'))}"]`);
    old.replaceWith(document.adoptNode(n));
    for (const id of open) document.getElementById(id)?.setAttribute('open', '');
    if (at || nth >= 0) (at && $(at, n) || $$(may, n)[nth])?.focus();
    times(n);
  }
  const parse = (html) => new DOMParser().parseFromString(html, 'text/html');
  function put(html) {
    for (const n of $$('[id]', parse(html).body)) if (!n.parentElement.closest('[id]')) place(n);
  }

  // A link or form with data-part changes the page's parts and its address, not the
  // whole page: #parts where there is one, else all of main.
  let fetching;
  async function part(url, live) {
    fetching?.abort();
    const mine = fetching = new AbortController();
    if (!live) document.body.setAttribute('aria-busy', 'true');
    try {
      const r = await fetch(url, { headers: { 'Slipway-Part': '1' }, signal: mine.signal, redirect: 'manual' });
      if (!r.ok || !r.headers.get('Content-Type')?.startsWith('text/html')) throw new Error(r.status);
      const doc = parse(await r.text());
      document.title = doc.title;
      const icon = $('#icon', doc);
      if (icon && icon.getAttribute('href') !== $('#icon').getAttribute('href')) $('#icon').setAttribute('href', icon.getAttribute('href'));
      const parts = $$(live ? '[id][data-live]' : '[id][data-parts]', doc);
      for (const n of parts.length || live ? parts : [$('#main', doc)]) place(n);
      if (!live) { place($('#foot', doc)); history.pushState(null, '', url); reopen(); }
    } catch (e) {
      if (e.name === 'AbortError') return;
      if (live) flag('could not refresh', true); else location.assign(url);
    } finally {
      if (fetching === mine) { fetching = null; document.body.removeAttribute('aria-busy'); }
    }
  }
  const asked = (f) => {
    const q = new URLSearchParams([...new FormData(f)].filter(([, v]) => v));
    return f.action.split('?')[0] + (q.size ? `?${q}` : '');
  };
  let typing;
  addEventListener('input', (e) => {
    const f = e.target.closest('form[data-part]');
    if (!f) return;
    clearTimeout(typing);
    typing = setTimeout(() => part(asked(f)), 300);
  });
  addEventListener('submit', (e) => {
    if (!e.target.matches('form[data-part]')) return;
    e.preventDefault();
    clearTimeout(typing);
    part(asked(e.target));
  });
  addEventListener('popstate', () => location.reload());

  // Live: one stream for the page, closed while nobody looks, resumed by id.
  let stream, last = '', due, fresh = 0, lost = false, again = 5000;
  function flag(text, bad) {
    const f = $('#live');
    if (!f) return;
    f.hidden = false;
    f.textContent = text;
    f.classList.toggle('off', !!bad);
  }
  function changed() {
    if (due) return;
    due = setTimeout(() => { due = 0; fresh = Date.now(); part(location.href, true); }, Math.max(300, 2000 - (Date.now() - fresh)));
  }
  function open() {
    const src = document.body.dataset.live;
    if (!src || stream || document.hidden) return;
    const u = new URL(location.href);
    u.hash = '';
    if (last) u.searchParams.set('since', last);
    stream = new EventSource(u);
    stream.onopen = () => { flag('live'); again = 5000; if (lost) changed(); lost = false; };
    const on = (name, f) => stream.addEventListener(name, (e) => { last = e.lastEventId || last; f(e); });
    on('message', (e) => put(e.data));
    on('changed', changed);
    on('log', (e) => { const log = $('[data-follow]'); log?.append(e.data); log && trim(log); });
    on('end', (e) => { close(); document.body.removeAttribute('data-live'); flag(e.data || 'ended', !!e.data); if (!e.data) changed(); });
    stream.onerror = () => {
      lost = true;
      if (stream?.readyState !== 2) { flag('connection lost, trying again…', true); return; }
      close(); // the browser gives up on an answer that is no stream, such as a proxy's
      flag('the stream broke, trying again…', true);
      setTimeout(open, again);
      again = Math.min(2 * again, 60000);
    };
  }
  function close() { stream?.close(); stream = null; }
  function reopen() { if (stream) { close(); last = ''; open(); } }
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { close(); flag('paused'); return; }
    open();
    times();
    if (document.body.dataset.live) changed();
  });

  // Pause: what comes meanwhile waits behind a button that counts it.
  let held;
  const count = () => { const b = $('button[data-pause]'); if (b) b.textContent = held?.length ? `Show ${held.length} new` : held ? 'Resume' : 'Pause'; };

  // Keys: links and fields say which they hear.
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input,textarea,select,[contenteditable]')) return;
    const el = $(`[data-key="${CSS.escape(e.key)}"]`) ?? (e.key === 'j' ? $('a[rel~=next]') : e.key === 'k' ? $('a[rel~=prev]') : null);
    if (!el) return;
    e.preventDefault();
    if (el.matches('input')) el.focus(); else el.click();
  });

  addEventListener('click', async (e) => {
    const a = e.target.closest('a[data-part]');
    if (a && !e.ctrlKey && !e.metaKey && !e.shiftKey && e.button === 0) { e.preventDefault(); part(a.href); return; }
    const copy = e.target.closest('button[data-copy]');
    if (copy) {
      await navigator.clipboard?.writeText(document.getElementById(copy.dataset.copy).textContent);
      copy.textContent = 'Copied';
      return;
    }
    if (e.target.closest('button[data-pause]')) {
      const waiting = held;
      held = held ? null : [];
      waiting?.forEach(place);
      count();
    }
  });
  addEventListener('change', (e) => { if (e.target.matches('select[data-go]')) location.assign(e.target.value); });

  // A log stays at its end unless the reader has scrolled up, and does not grow without
  // end: what is cut off is in the download.
  const mostText = 4 << 20;
  function trim(log) {
    while (log.firstChild && log.childNodes.length > 1 && log.textContent.length > mostText) { log.firstChild.remove(); log.dataset.cut = 'yes'; }
  }
  const log = $('[data-follow]');
  if (log) {
    let end = true;
    log.addEventListener('scroll', () => { end = log.scrollHeight - log.scrollTop - log.clientHeight < 80; }, { passive: true });
    new MutationObserver(() => { if (end) log.scrollTop = log.scrollHeight; }).observe(log, { childList: true, subtree: true, characterData: true });
    log.scrollTop = log.scrollHeight;
  }

  // What is current in a row that scrolls sideways is in sight.
  for (const a of $$('.menu [aria-current], .tabs:not(.wrap) [aria-current]')) a.parentElement.scrollLeft = a.offsetLeft - a.parentElement.offsetLeft - (a.parentElement.clientWidth - a.offsetWidth) / 2;

  times();
  setInterval(times, 30000);
  open();
})();
