import Architectures
import Base
import Containers
import TestSupport
import Testing

@Suite("Families, written down")
struct FamilyPageTests {
  /// The page of each family, by its checkpoint.
  private static func page(_ family: FamilyGolden) throws -> String {
    let names = [
      "llama2": "llama", "llama3": "llama", "smollm2": "llama", "mistral-nemo": "mistral", "phi4-mini": "phi3",
      "gemma3_text": "gemma3",
    ]
    // What a family has from another one is in its page.
    let others = ["qwen3_5_moe": ["qwen35"], "qwen3_next": ["qwen35"]]
    return try ([names[family.name] ?? family.name] + (others[family.name] ?? [])).map {
      String(decoding: try Fixtures.bytes("../formats/architectures/\($0).md"), as: UTF8.self)
    }.joined(separator: "\n")
  }

  @Test("Every rule has its row in the page of its family", arguments: FamilyGolden.all)
  func rows(family: FamilyGolden) throws {
    var rows: [String: Set<String>] = [:]
    for line in try Self.page(family).split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { String($0.filter { $0 != " " && $0 != "`" }) }
      if cells.count >= 4 { rows[Self.numberless(cells[1]), default: []].insert(Self.numberless(cells[0])) }
    }
    let model = try Architectures.open(Architectures.prepare(Containers.open(family.model)))
    let published = type(of: model).published
    for rule in model.rules {
      let gguf = Self.numberless(rule.name(in: .gguf))
      let row = try #require(rows[gguf], "\(family.name): \(gguf) has no row")
      guard rule.computed == nil else { continue }
      let name = rule.name(in: .huggingFace)
      let prefix =
        [published.text, published.mtp, published.vision, published.projector, published.head, "model."]
        .compactMap { $0 }.first { name.hasPrefix($0) } ?? ""
      #expect(row.contains(Self.numberless(String(name.dropFirst(prefix.count)))), "\(family.name): \(name)")
    }
  }

  /// A name with N for the number of its layer, and E for that of its expert.
  private static func numberless(_ name: String) -> String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.enumerated().map { index, part in
      // `mm.0`, `weight.1`: numbers that tell tensors of one layer apart.
      guard index > 0, part.allSatisfy(\.isNumber), !["mm", "weight"].contains(parts[index - 1]) else {
        return String(part)
      }
      return parts[index - 1] == "experts" ? "E" : "N"
    }.joined(separator: ".")
  }
}
