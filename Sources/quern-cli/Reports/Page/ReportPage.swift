import Evaluation

/// A report as one page that needs nothing else: no script, nothing from the network, fonts of the system.
struct ReportPage {
  let report: Report
  let names: ModelNames

  init(_ report: Report) {
    self.report = report
    names = ModelNames(report.validation)
  }

  var validation: Validation { report.validation }

  /// A part of the page; one without content is left out.
  struct Section {
    let id: String
    let title: String
    let content: HTML
  }

  var html: HTML {
    let sections = [
      size, distribution, categories, pictures, layersAndTensors, worstPositions, certainty, reproduction, words,
    ].filter { !$0.content.isEmpty }
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none';style-src 'unsafe-inline';img-src data:">
      <meta name="referrer" content="no-referrer"><meta name="generator" content="quern \(report.invocation.version)">
      <title>\(title)</title>
      <style>\(Style.sheet)</style></head>
      <body><main>
      \(verdict)
      <nav aria-label="Sections"><ul>\(sections.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>" })</ul></nav>
      \(sections.map { "<section id=\"\($0.id)\"><h2>\($0.title)</h2>\n\($0.content)</section>\n" })
      </main><footer>Made by quern \(report.invocation.version), \(report.invocation.time). The figures are defined in \
      docs/validation.md of quern, version \(Validation.definitionsVersion) of the definitions.</footer></body></html>

      """
  }

  private var title: String {
    validation.after.count == 1
      ? "\(names.after[0]): \(validation.after[0].level.rawValue)"
      : "\(names.after.count) models against \(names.before)"
  }

  /// A level, told by colour, by dots and by its name.
  static func pill(_ level: FidelityLevel) -> HTML {
    let dots =
      switch level {
      case .transparent: "●●●●"
      case .good: "●●●○"
      case .usable: "●●○○"
      case .damaged: "●○○○"
      }
    return "<span class=\"pill \(level.rawValue)\"><i aria-hidden=\"true\">\(dots)</i>\(level.rawValue)</span>"
  }

  /// A model's name with the mark that stands for it in drawings.
  func marked(_ place: Int) -> HTML {
    guard validation.after.count > 1 else { return "<span class=name>\(names.after[place])</span>" }
    return "\(Self.sign(place))<span class=name>\(names.after[place])</span>"
  }

  static func sign(_ place: Int) -> HTML {
    "<svg class=\"in\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path class=\"s\(place % Mark.count)\" d=\"\(Mark.path(place, 8, 8, 5.5))\"/></svg>"
  }

  /// What the marks of a drawing stand for; nothing where there is one model.
  var key: HTML {
    guard validation.after.count > 1 else { return "" }
    return "<ul class=key>\(validation.after.indices.map { "<li>\(Self.sign($0))\(names.tags[$0])</li>" as HTML })</ul>"
  }

  /// Something that may be shown.
  static func folded(_ summary: HTML, isOpen: Bool = false, _ content: HTML) -> HTML {
    content.isEmpty
      ? "" : "<details\(isOpen ? " open" : "" as HTML)><summary>\(summary)</summary>\n\(content)</details>\n"
  }
}
