import Foundation
import TestSupport
import Testing

/// The code that the articles of the library show is the code of ``ArticleCode``, which is compiled and run.
struct ArticleTests {
  private static let sources = URL(filePath: Fixtures.folder).deletingLastPathComponent()
    .appending(path: "Sources/Quern/Quern.docc")

  /// The blocks of an article.
  private func shown(_ article: String) throws -> [String] {
    let text = try String(contentsOf: Self.sources.appending(path: article + ".md"), encoding: .utf8)
    return text.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
  }

  /// The blocks that are compiled for an article, without their indentation.
  private func compiled(_ article: String) throws -> [String] {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "ArticleCode.swift")
    var blocks: [String] = []
    var isOpen = false
    for line in try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n") {
      if line == "    // end" {
        isOpen = false
      } else if line == "    // \(article)" {
        isOpen = true
        blocks.append("")
      } else if isOpen {
        blocks[blocks.count - 1] += line.dropFirst(4) + "\n"
      }
    }
    return blocks
  }

  @Test(arguments: ["Convert", "Quantize", "Judge"])
  func `an article shows what is compiled`(article: String) throws {
    let shown = try shown(article)
    let compiled = try compiled(article)
    #expect(shown.count >= 3 && shown == compiled)
  }
}
