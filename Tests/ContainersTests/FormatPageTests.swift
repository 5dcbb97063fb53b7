import Containers
import TestSupport
import Testing

/// The pages of `formats/` say what error each rule raises; the museum proves it.
@Suite struct FormatPageTests {
  /// The sentence that each exhibit is refused with.
  static let sentences: [String] = HostileFileTests.exhibits.compactMap { (exhibit) -> String? in
    do {
      let checkpoint = try Containers.open(Fixtures.path("hostile/" + exhibit.file))
      try checkpoint.requirePlainWeights()
      for tensor in checkpoint.tensors { _ = try tensor.readFloats() }
      return nil
    } catch {
      return String(describing: error)
    }
  }

  /// The errors that a page's rules quote.
  static func quotes(_ page: String) throws -> [String] {
    let text = String(decoding: try Fixtures.bytes("../formats/" + page), as: UTF8.self)
    let start = try #require(text.firstRange(of: "## Rules")).upperBound
    let end = try #require(text.firstRange(of: "## Choices")).lowerBound
    let pieces = text[start..<end].split(separator: "`", omittingEmptySubsequences: false)
    return pieces.enumerated().filter { $0.offset % 2 == 1 && $0.element.contains(" ") }.map { String($0.element) }
  }

  @Test(arguments: ["safetensors.md", "gguf.md"])
  func `Every error that a page quotes is raised by an exhibit`(page: String) throws {
    let quotes = try Self.quotes(page)
    #expect(quotes.count > 20)
    for quote in quotes {
      let parts = quote.split(separator: "…").map(String.init)
      #expect(Self.sentences.contains { Self.contains($0, parts) }, "\(page): no exhibit says \(quote)")
    }
  }

  @Test(arguments: ["safetensors.md", "gguf.md"])
  func `A page has the four headings`(page: String) throws {
    let text = String(decoding: try Fixtures.bytes("../formats/" + page), as: UTF8.self)
    let headings = text.split(separator: "\n").filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) }
    #expect(headings == ["Layout", "Rules", "Choices", "Sources"])
  }

  private static func contains(_ sentence: String, _ parts: [String]) -> Bool {
    var rest = sentence[...]
    for part in parts {
      guard let range = rest.firstRange(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return true
  }
}
