import Foundation
import Base
import TestSupport
import Testing
import quern_cli

/// Reports of `validate`: what a stranger opens, publishes and computes with.
struct ReportTests {
  /// Ends elements and attributes, hides characters, turns the direction of writing, begins lines, and formats.
  private static let hostile =
    "\"><script>alert(1)</script><img src=x onerror='y'>&lt;\u{202E}\u{0}\u{1B}[2J\n---\n# x | `y` \\ \u{2028}\u{200B}"

  private func tags(_ page: String) -> [(name: String, attributes: [String])] {
    page.split(separator: "<").dropFirst().map { part in
      let tag = part.prefix { $0 != ">" }
      let name = String(tag.prefix { !$0.isWhitespace })
      let attributes = tag.matches(of: /([a-zA-Z:-]+)=(?:"[^"]*"|[^\s">]+)/).map { String($0.1) }
      return (name, attributes)
    }
  }

  @Test func `a page is whole, and needs nothing but itself`() throws {
    let page = try ReportSample.report().html
    let void: Set = ["meta", "img", "br", "line", "rect", "path", "!doctype"]
    var open: [String] = []
    for (name, _) in tags(page) {
      if name.hasPrefix("/") {
        #expect(open.popLast() == String(name.dropFirst()))
      } else if !void.contains(name) {
        open.append(name)
      }
    }
    #expect(open.isEmpty)
    #expect(!page.contains("<script") && !page.contains("://") && !page.contains("url(") && !page.contains("@import"))
    for title in ["<title>", "<desc>"] {
      let drawn = page.components(separatedBy: "<svg viewBox").dropFirst().filter { $0.contains("role=\"img\"") }
      #expect(!drawn.isEmpty && drawn.allSatisfy { $0.prefix(400).contains(title) })
    }
    let tables = page.components(separatedBy: "<table").dropFirst()
    #expect(tables.count > 10 && tables.allSatisfy { $0.contains("<caption>") && $0.contains("<th scope=col") })
    let ids = page.matches(of: /\sid="([^"]*)"/).map { String($0.1) }
    #expect(Set(ids).count == ids.count)
    let order = ["size", "distribution", "categories", "pictures", "where", "worst", "certainty", "reproduce", "words"]
    #expect(ids.filter { order.contains($0) } == order)
    #expect(page.contains("<del>red </del> <ins>blue </ins>"))
    #expect(page.components(separatedBy: "data:image/png;base64,").count == 6)
  }

  @Test func `no text of a file acts on a page, a card or a document`() throws {
    let plain = try ReportSample.report()
    let hostile = try ReportSample.report { _ in Self.hostile }
    let known = Set(tags(plain.html).map(\.name))
    let attributes = Set(tags(plain.html).flatMap(\.attributes))
    for (name, own) in tags(hostile.html) {
      #expect(known.contains(name) && attributes.isSuperset(of: own), "<\(name) \(own)")
    }
    for text in [hostile.html, hostile.markdown] {
      #expect(
        !text.unicodeScalars.contains {
          $0 != "\n" && ($0.value < 0x20 || [0x202E, 0x2028, 0x200B, 0x7F].contains($0.value))
        })
    }
    // It begins no line: neither in the front matter nor below it.
    let (lines, expected) = (hostile.markdown.split(separator: "\n"), plain.markdown.split(separator: "\n"))
    #expect(lines.filter { $0 == "---" }.count == 2 && lines.count == expected.count)
    #expect(!hostile.markdown.contains("\n# x") && !hostile.markdown.contains(" <script"))
    let document = try OrderedJSON(parsing: hostile.json.serialized(pretty: true), file: "report")
    #expect(document["after"]?.arrayValue?.first?["model"]?.stringValue == Self.hostile)
  }

  @Test func `a card has the Hub's front matter`() throws {
    let card = try ReportSample.report { $0 == "texts/0.txt" ? "texts/a \"quoted\": one.txt" : $0 }.markdown
    #expect(
      card.hasPrefix("---\nmodel-index:\n- name: \"tiny-0\"\n  results:\n  - task:\n      type: text-generation\n"))
    #expect(card.contains("    - type: fidelity-kld\n") && card.contains("name: \"a \\\"quoted\\\": one.txt\""))
    #expect(card.contains("\n```sh\nquern validate 'a b' 'it'\\''s'\n```\n"))
    #expect(card.contains("**`tiny-0`: ") && card.contains("> ⚠ `tiny-1`: something is odd."))
  }

  @Test func `intervals can be computed anew from a document`() throws {
    let document = try ReportSample.report().json
    let category = try #require(document["after"]?.arrayValue?.last?["categories"]?.arrayValue?.first)
    let windows = try #require(category["per_window"])
    let counts = try #require(windows["count"]?.arrayValue).compactMap(\.doubleValue)
    let means = try #require(windows["kl_divergence"]?.arrayValue).compactMap(\.doubleValue)
    let total = counts.reduce(0, +)
    let mean = zip(means, counts).reduce(0) { $0 + $1.0 * $1.1 } / total
    let spread = zip(means, counts).reduce(0) { $0 + pow(($1.0 - mean) * $1.1, 2) }
    let error = (spread * Double(counts.count) / Double(counts.count - 1)).squareRoot() / total
    let stated = try #require(category["kl_divergence"])
    #expect(abs(mean / (try #require(stated["value"]?.doubleValue)) - 1) < 1e-12)
    #expect(abs(error / (try #require(stated["standard_error"]?.doubleValue)) - 1) < 1e-9)
    #expect(document["after"]?.arrayValue?.first?["distribution"]?["survival"]?.arrayValue?.isEmpty == false)
    #expect(document["reproduce"]?["command"]?.arrayValue?.count == 4)
  }

  @Test func `reports are asked for by their endings, and refused before any work`() throws {
    let folder = try TemporaryFolder()
    let model = Fixtures.path("tiny-qwen3.5")
    let text = Fixtures.path("text/persuasion.txt")
    let words = ["validate", model, model, "--text", text, "--context", "16", "--windows", "2", "--quiet"]
    for name in ["page.pdf", "html", ".html", "page."] {
      let run = try CommandLineRun(words + ["--report", folder.file(name)])
      #expect(run.status == 64 && run.errors.contains("ends in .html, .md or .json"), "\(run.errors)")
    }
    let all = ["page.html", "Card.MD", "all.json"].flatMap { ["--report", folder.file($0)] }
    let run = try CommandLineRun(words + all)
    #expect(run.status == 0 && folder.contents == ["Card.MD", "all.json", "page.html"], "\(run.errors)")
    let page = try String(contentsOfFile: folder.file("page.html"), encoding: .utf8)
    #expect(page.contains("no sampled token differs") || page.contains("No sampled token differs"))
    // Refused before anything is read.
    let taken = try CommandLineRun(["validate", "nothing", "nothing", "--text", "nothing"] + all)
    #expect(taken.status == 64 && taken.errors.contains("use --overwrite"), "\(taken.errors)")
    #expect(try CommandLineRun(words + all + ["--overwrite"]).status == 0)
    let twice = try CommandLineRun(words + all + ["--report", folder.file("all.json"), "--overwrite"])
    #expect(twice.status == 64 && twice.errors.contains("two outputs have this name"), "\(twice.errors)")
  }
}
