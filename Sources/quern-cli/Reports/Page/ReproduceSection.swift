import Evaluation

/// What is needed to do the same again, and what the words mean.
extension ReportPage {
  var reproduction: Section {
    let invocation = report.invocation
    var facts: HTML = ""
    for (name, value) in [
      ("quern", "\(invocation.version), definitions \(Validation.definitionsVersion)"),
      ("Precision", Verdict.precision(validation) ?? "exact"),
      ("Kernels", "\(invocation.kernels); the figures do not depend on the number of threads"),
      ("Machine", invocation.machine),
      ("Time", "\(invocation.time), comparing took \(Shown.number(validation.seconds)) s"),
    ] {
      facts += "<dt>\(name)</dt><dd>\(value)</dd>\n"
    }
    return Section(
      id: "reproduce", title: "Reproduce",
      content: """
        <pre><code>\(invocation.shellCommand)</code></pre>
        <dl class=words>\(facts)</dl>
        \(fileTable)\(textTable)\(pictureFiles)
        """)
  }

  private func hash(_ digest: String) -> HTML { "<code class=hash>\(digest)</code>" }

  private var fileTable: HTML {
    var table = PageTable("Model files.", [("file", .left), ("size", .right), ("SHA-256", .left)])
    for file in report.invocation.files {
      table.add(["<span class=name>\(file.name)</span>", "\(Shown.size(file.bytes))", hash(file.sha256)])
    }
    return table.isEmpty ? "" : table.markup(id: "files")
  }

  private var textTable: HTML {
    var table = PageTable(
      "Texts: of each window of running text the second half is predicted, of conversations what the assistant wrote.",
      [("text", .left), ("context", .right), ("windows", .right), ("predicted tokens", .right), ("SHA-256", .left)])
    for text in validation.texts {
      table.add([
        "<span class=name>\(text.name)</span>", "\(text.context)", "\(text.windows)", "\(grouped(UInt64(text.tokens)))",
        hash(text.sha256),
      ])
    }
    return table.isEmpty ? "" : table.markup(id: "read")
  }

  private var pictureFiles: HTML {
    var table = PageTable("Pictures, and what was asked.", [("picture", .left), ("prompt", .left), ("SHA-256", .left)])
    for picture in validation.pictures {
      table.add(["<span class=name>\(picture.name)</span>", "\(picture.prompt)", hash(picture.sha256)])
    }
    return table.isEmpty ? "" : table.markup(id: "shown")
  }

  var words: Section {
    let levels = FidelityLevel.allCases.map { level in
      let limit: HTML = level == .damaged ? "above" : "below \(Shown.number(level.limit))"
      return "<dt>\(Self.pill(level))</dt><dd>\(limit): \(Verdict.meaning(level))</dd>\n" as HTML
    }
    return Section(
      id: "words", title: "What the words mean",
      content: """
        <dl class=words>\(levels)
        <dt>Divergence</dt><dd>KL(before ‖ after), Σ p ln(p/q) over the whole vocabulary at each position: how surprised the original would \
        be to be replaced. Zero if and only if the predictions are equal. In nats.</dd>
        <dt>One sampled token in N</dt><dd>Total variation, ½ Σ |p − q|: the share of sampled tokens that must differ even with the same \
        luck.</dd>
        <dt>Same likeliest token</dt><dd>How often both models would write the same token when they always take the likeliest.</dd>
        <dt>Perplexity ratio</dt><dd>After over before, on the text’s own tokens. It can stay at 1 while answers change, so it follows and \
        does not lead.</dd>
        <dt>99 % below</dt><dd>The divergence that one position in a hundred exceeds.</dd>
        <dt>±</dt><dd>One standard error, counted by windows (or by pictures).</dd>
        </dl>
        <p class=soft>The exact definitions and estimators stand in docs/validation.md of quern, with what to do about each alarm.</p>

        """)
  }
}
