import ArgumentParser
import Conversion
import Evaluation
import Base

/// A report that is asked for: where, and as what.
struct ReportFile: Sendable {
  enum Kind: String, CaseIterable {
    case html, md, json
  }

  let path: String
  let kind: Kind

  init?(_ path: String) {
    let name = Path(path).name
    guard let point = name.utf8.lastIndex(of: UInt8(ascii: ".")), point != name.startIndex,
      let kind = Kind(rawValue: name[name.utf8.index(after: point)...].lowercased())
    else { return nil }
    self.path = path
    self.kind = kind
  }
}

/// What a command takes that writes reports.
struct ReportOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Also write what came out as a page (.html), a model card (.md) or a document with every number (.json); repeatable.",
      valueName: "file"))
  var report: [String] = []

  /// The reports by the endings of their names.
  var files: [ReportFile] { report.compactMap(ReportFile.init) }

  func validate() throws {
    for path in report where ReportFile(path) == nil {
      throw ValidationError("--report \(path): the name of a report ends in .html, .md or .json.")
    }
  }

  /// Refuses reports that could not be written; `sources` are files and folders that are read.
  func check(sources: [String], overwrite: Bool) throws(CheckpointError) {
    var check = try OutputCheck(sources: sources, overwrite: overwrite)
    for file in files { try check.file(file.path) }
  }
}

/// Everything a report is made of.
package struct Report: Sendable {
  package var validation: Validation
  /// The limits that each model exceeds, in words.
  package var failures: [[String]]
  package var invocation: Invocation

  package init(validation: Validation, failures: [[String]], invocation: Invocation) {
    self.validation = validation
    self.failures = failures
    self.invocation = invocation
  }

  /// The report as a page.
  package var html: String { ReportPage(self).html.text }
  /// The report as a model card.
  package var markdown: String { MarkdownReport(self).text }
  /// The report as a document with every number.
  package var json: OrderedJSON { JSONReport(self).document }

  /// Writes reports: all of them or none.
  func write(to files: [ReportFile], overwrite: Bool) throws(CheckpointError) {
    var writers: [AtomicWriter] = []
    for file in files {
      let bytes =
        switch file.kind {
        case .html: Array(html.utf8)
        case .md: Array(markdown.utf8)
        case .json: json.serialized(pretty: true)
        }
      let writer = try AtomicWriter(path: file.path, overwrite: overwrite)
      try writer.write(bytes)
      try writer.seal()
      writers.append(writer)
    }
    if !writers.isEmpty { try OutputSet.name(writers) }
  }
}
