/// How a page looks: light and dark, from a telephone to a wide screen, and on paper.
enum Style {
  static let sheet: HTML = """
    :root{color-scheme:light dark;--paper:#faf9f5;--card:#fff;--ink:#1d1f22;--soft:#585c61;--line:#e2dfd6;--strong:#b9b4a6;
    --transparent:#0a665a;--good:#2f6a22;--usable:#835300;--damaged:#a3262a;
    --transparent-t:#d9ece7;--good-t:#e2eedb;--usable-t:#f7ebcf;--damaged-t:#f8e0dd;
    --c0:#1f5fa8;--c1:#b04f08;--c2:#0b7455;--c3:#9b2f79;--c4:#5a49b3;--c5:#6f6000;--c6:#ad2a30;--c7:#3a646d;
    --h1:#dfb758;--h2:#d98a2b;--h3:#c2501f;--h4:#8e1b3a;--del:#a3262a;--ins:#0a665a;--mark:#fbe7a8;
    --serif:ui-serif,"Iowan Old Style","Palatino Linotype",Palatino,"Book Antiqua",Georgia,"DejaVu Serif",serif;
    --sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","DejaVu Sans",sans-serif;
    --mono:ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
    @media (prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1b1e23;--ink:#eceae4;--soft:#a9adb4;--line:#2e3238;
    --strong:#565c66;--transparent:#63d2bd;--good:#a0d27f;--usable:#e5b65c;--damaged:#f4948b;
    --transparent-t:#12322d;--good-t:#1e3018;--usable-t:#37290d;--damaged-t:#401f1d;
    --c0:#7db4f2;--c1:#f2a15f;--c2:#5fcfa4;--c3:#ec8ccc;--c4:#b7abf8;--c5:#d8c85a;--c6:#f58d8d;--c7:#9cc5cf;
    --h1:#7a6428;--h2:#b0701f;--h3:#e0682f;--h4:#ff6f8f;--del:#f4948b;--ins:#63d2bd;--mark:#5a4a12}}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
    @media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
    body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 var(--sans);font-variant-numeric:tabular-nums;
    overflow-wrap:anywhere}
    main,footer{max-width:1080px;margin:0 auto;padding:0 clamp(16px,4vw,40px)}
    code,pre,.name{font-family:var(--mono);font-size:.9em;unicode-bidi:isolate}
    a{color:inherit;text-decoration-color:var(--strong);text-underline-offset:3px}
    a:hover{text-decoration-color:currentColor}
    :focus-visible{outline:2px solid var(--c0);outline-offset:2px;border-radius:3px}
    h1,h2,h3{line-height:1.15;margin:0}
    h2{font:600 clamp(24px,3.4vw,32px)/1.2 var(--serif);letter-spacing:-.01em}
    h3{font:600 17px/1.35 var(--sans);margin:32px 0 8px}
    p{margin:0 0 12px;max-width:72ch}
    .soft{color:var(--soft)}.small{font-size:14px}
    .top{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 24px;padding:20px 0 0;color:var(--soft);font-size:14px}
    .top b{color:var(--ink);font:600 16px var(--serif);letter-spacing:.01em}
    header.hero{padding:clamp(28px,6vw,64px) 0 8px}
    h1{font:600 clamp(26px,4.6vw,46px)/1.12 var(--serif);letter-spacing:-.02em;margin:0 0 14px}
    h1 .file{display:block;font:500 clamp(16px,2.2vw,22px)/1.4 var(--mono);letter-spacing:0;color:var(--ink);unicode-bidi:isolate}
    h1 .grade{display:block;font-size:clamp(52px,10vw,104px);line-height:1.02;letter-spacing:-.035em;margin-top:4px}
    .lead{font:400 clamp(18px,2.3vw,23px)/1.45 var(--serif);max-width:46em;margin:0 0 18px}
    .t-transparent{color:var(--transparent)}.t-good{color:var(--good)}.t-usable{color:var(--usable)}.t-damaged{color:var(--damaged)}
    .pill{display:inline-block;white-space:nowrap;border-radius:99px;padding:1px 10px 2px;font:600 13px/1.5 var(--sans)}
    .pill i{font-style:normal;letter-spacing:1px;margin-right:6px;font-size:10px;vertical-align:1px}
    .pill.transparent{color:var(--transparent);background:var(--transparent-t)}.pill.good{color:var(--good);background:var(--good-t)}
    .pill.usable{color:var(--usable);background:var(--usable-t)}.pill.damaged{color:var(--damaged);background:var(--damaged-t)}
    .alarms{border:1px solid var(--damaged);border-left-width:6px;border-radius:8px;background:var(--damaged-t);padding:14px 18px;
    margin:24px 0 0}
    .alarms h2{font:700 16px var(--sans);color:var(--damaged)}
    .alarms ul{margin:8px 0 0;padding:0 0 0 20px}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(168px,100%),1fr));gap:1px;background:var(--line);
    border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:20px 0}
    .tiles div{background:var(--card);padding:14px 16px}
    .tiles dt{color:var(--soft);font-size:13px}
    .tiles dd{margin:2px 0 0;font:600 clamp(19px,2.2vw,24px)/1.25 var(--serif);letter-spacing:-.01em}
    .tiles dd small{display:block;font:400 13px/1.4 var(--sans);color:var(--soft);letter-spacing:0;margin-top:2px}
    nav{border-top:1px solid var(--line);border-bottom:1px solid var(--line);margin:28px 0 0;padding:10px 0}
    nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;margin:0;padding:0;font-size:14px}
    section{padding:clamp(40px,6vw,68px) 0 0}
    section>h2+p{margin-top:10px}
    figure{margin:22px 0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px}
    figcaption{color:var(--soft);font-size:14px;margin-top:10px;max-width:80ch}
    svg{display:block;width:100%;height:auto;font-family:var(--sans)}
    svg.narrow{display:none}
    svg text{font-size:13px;fill:var(--ink)}
    svg .tick{fill:var(--soft);font-size:12px}svg .axis{fill:var(--soft);font-size:12.5px}svg .name{font-size:12.5px}
    svg .strong{font-weight:600}
    svg .grid{stroke:var(--line);stroke-width:1}svg .base{stroke:var(--strong);stroke-width:1}
    svg .front{fill:none;stroke:var(--strong);stroke-width:1.5;stroke-dasharray:5 4}
    svg .b-transparent{fill:var(--transparent-t)}svg .b-good{fill:var(--good-t)}svg .b-usable{fill:var(--usable-t)}
    svg .b-damaged{fill:var(--damaged-t)}
    svg .l-transparent{fill:var(--transparent);font-weight:600}svg .l-good{fill:var(--good);font-weight:600}
    svg .l-usable{fill:var(--usable);font-weight:600}svg .l-damaged{fill:var(--damaged);font-weight:600}
    svg .m{stroke:var(--card);stroke-width:1.2;paint-order:stroke}
    svg .w{fill:none;stroke-width:2}svg .d{stroke-dasharray:2 3}svg .e{stroke-width:2}
    .s0{fill:var(--c0)}.s1{fill:var(--c1)}.s2{fill:var(--c2)}.s3{fill:var(--c3)}.s4{fill:var(--c4)}.s5{fill:var(--c5)}
    .s6{fill:var(--c6)}.s7{fill:var(--c7)}
    .w0,.e0{stroke:var(--c0)}.w1,.e1{stroke:var(--c1)}.w2,.e2{stroke:var(--c2)}.w3,.e3{stroke:var(--c3)}.w4,.e4{stroke:var(--c4)}
    .w5,.e5{stroke:var(--c5)}.w6,.e6{stroke:var(--c6)}.w7,.e7{stroke:var(--c7)}
    .key{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:0 0 10px;padding:0;font-size:14px}
    .key svg,.in{display:inline-block;width:14px;height:14px;vertical-align:-2px;margin-right:6px}
    table{width:100%;border-collapse:collapse;margin:18px 0;font-size:14.5px;line-height:1.4}
    caption{text-align:left;color:var(--soft);font-size:14px;padding:0 0 8px}
    th,td{text-align:left;padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:baseline;font-weight:400}
    thead th{color:var(--soft);font-size:13px;border-bottom:1px solid var(--strong);vertical-align:bottom}
    th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
    .n{text-align:right}td.n,thead th{overflow-wrap:normal}tbody th{font-weight:500;min-width:150px}
    details{border-top:1px solid var(--line);padding:4px 0}
    details+details{margin-top:0}
    summary{cursor:pointer;padding:10px 0;font-weight:600;font-size:15px}
    summary .soft{font-weight:400}
    .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(290px,100%),1fr));gap:12px;margin:18px 0}
    .grid figure{margin:0}.grid svg.small{display:block}
    .small-h{font-size:14px;font-weight:600;margin:0 0 6px}
    .card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px;margin:14px 0}
    .picture{display:grid;grid-template-columns:160px minmax(0,1fr);gap:6px 22px}
    .picture .see{grid-row:span 2}
    .picture img{display:block;max-width:160px;max-height:160px;border-radius:6px;border:1px solid var(--line);background:#fff}
    .picture img.tiny{min-width:96px;image-rendering:pixelated}
    .picture h3{margin:0}
    .none{width:160px;height:100px;border:1px dashed var(--strong);border-radius:6px;display:grid;place-items:center;color:var(--soft);
    font-size:13px;text-align:center;padding:8px}
    .answer{margin:6px 0 12px;max-width:80ch}
    .answer>b{display:block;font-weight:600;font-size:14px}.answer>b .soft{font-weight:400}
    .answer .said{font-family:var(--serif);font-size:16.5px;line-height:1.9;unicode-bidi:isolate}
    .tok{white-space:pre-wrap;margin-right:2px;unicode-bidi:isolate;padding:0 0 2px;border-bottom:0 solid transparent}
    .h1{border-bottom:2px solid var(--h1)}.h2{border-bottom:4px solid var(--h2)}.h3{border-bottom:6px solid var(--h3)}
    .h4{border-bottom:8px double var(--h4)}
    .heat{display:flex;flex-wrap:wrap;gap:6px 18px;font-size:13.5px;color:var(--soft);margin:12px 0}
    del{color:var(--del);text-decoration-thickness:1.5px}ins{color:var(--ins);text-decoration:none;border-bottom:2px solid currentColor}
    .worst{list-style:none;margin:0;padding:0}
    .worst>li{border-top:1px solid var(--line);padding:16px 0}
    .context{font-family:var(--serif);font-size:16.5px;line-height:1.6;unicode-bidi:isolate;margin:0 0 10px;max-width:80ch}
    .context mark{background:var(--mark);color:var(--ink);border-radius:3px;padding:1px 4px;unicode-bidi:isolate;
    font-family:var(--mono);font-size:.88em}
    .facing{display:grid;grid-template-columns:1fr 1fr;gap:4px 28px;max-width:880px}
    .facing h4{margin:0 0 4px;font-size:13px;font-weight:600;color:var(--soft)}
    .facing ol{list-style:none;margin:0;padding:0}
    .facing li{display:grid;grid-template-columns:minmax(0,1fr) 52px;gap:0 8px;font-size:14px;padding:2px 0 3px;position:relative}
    .facing li code{overflow:hidden;text-overflow:ellipsis;white-space:pre}
    .facing li span{text-align:right}.facing .before li{grid-template-columns:52px minmax(0,1fr)}
    .facing .before h4,.facing .before li code{text-align:right}.facing .before li span{order:-1;text-align:left}
    .facing .before li::after{margin-left:auto}
    .facing li::after{content:"";grid-column:1/-1;height:4px;border-radius:2px;width:max(2px,var(--p));background:var(--c0)}
    .facing .after li::after{background:var(--c1);background-image:repeating-linear-gradient(135deg,transparent 0 3px,var(--card) 3px 5px)}
    .facing .is code{font-weight:700;text-decoration:underline;text-underline-offset:3px}
    pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px;white-space:pre-wrap;overflow-wrap:anywhere;
    margin:14px 0;line-height:1.5}
    .hash{font-size:.82em;color:var(--soft)}
    dl.words{display:grid;grid-template-columns:minmax(150px,max-content) minmax(0,1fr);gap:8px 24px;font-size:15px}
    dl.words dt{font-weight:600}dl.words dd{margin:0;max-width:75ch}
    footer{padding-top:64px;padding-bottom:48px;color:var(--soft);font-size:14px}
    @media screen and (max-width:700px){svg.wide{display:none}svg.narrow{display:block}figure{padding:12px}
    .picture{grid-template-columns:minmax(0,1fr)}.facing{gap:4px 16px}dl.words{grid-template-columns:minmax(0,1fr)}dl.words dd{margin:0 0 8px}}
    \(stacked("table", below: PageTable.narrow))\(stacked("table.many", below: PageTable.narrowOfMany))
    @media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#111;--soft:#4d5156;--line:#d9d6cd;--strong:#9a958a;
    --transparent:#0a665a;--good:#2f6a22;--usable:#835300;--damaged:#a3262a;--transparent-t:#e2f1ed;--good-t:#e9f3e4;--usable-t:#faf1dc;
    --damaged-t:#fae8e6;--c0:#1f5fa8;--c1:#b04f08;--c2:#0b7455;--c3:#9b2f79;--c4:#5a49b3;--c5:#6f6000;--c6:#ad2a30;--c7:#3a646d;
    --h1:#dfb758;--h2:#d98a2b;--h3:#c2501f;--h4:#8e1b3a;--del:#a3262a;--ins:#0a665a;--mark:#fbe7a8}
    @page{margin:16mm 14mm}body{font-size:10.5pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}nav{display:none}
    main,footer{max-width:none;padding:0}section{break-before:page;padding-top:0}header.hero{padding-top:24px}
    h2,h3,summary,caption{break-after:avoid}table{font-size:8.5pt}thead th,caption{font-size:8pt}tbody th{min-width:90px}
    table.many{font-size:7.7pt}table.many thead th{font-size:7.2pt}table.many th,table.many td{padding:3px 4px}table.many tbody th{min-width:70px}
    th,td{padding:3px 6px}figure,.card,.worst>li,tr{break-inside:avoid}
    summary{list-style:none}details::details-content{display:block;content-visibility:visible;height:auto;opacity:1}
    details>*{display:block}a{text-decoration:none}}

    """

  /// A table whose rows are blocks on screens below a width.
  private static func stacked(_ table: HTML, below width: Int) -> HTML {
    """
    @media screen and (max-width:\(width)px){
    \(table),\(table) tbody,\(table) tr,\(table) th,\(table) td,\(table) caption{display:block}
    \(table) thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
    \(table) tr{border-bottom:1px solid var(--line);padding:10px 0}
    \(table) tbody th{padding:0 0 4px;border:0;font-weight:600;text-align:left}
    \(table) tbody td{display:flex;justify-content:space-between;gap:16px;padding:2px 0;border:0;text-align:right}
    \(table) tbody td::before{color:var(--soft);text-align:left;flex:none;max-width:55%}}

    """
  }
}
