import Architectures
import Containers
import TestSupport
import Base
import Testing

/// The rules of every published size, and permutations that undo themselves.
struct Qwen35RuleTests {
  /// Published sizes: tensors of text, MTP block and vision encoder, and weights in all.
  @Test(
    arguments: [
      ("0.8B", [1024, 24, 3584, 8, 2, 16, 1, 12, 768, 3072, 12], 488, 873_438_784),
      ("2B", [2048, 24, 6144, 8, 2, 16, 1, 24, 1024, 4096, 16], 632, 2_274_069_824),
      ("4B", [2560, 32, 9216, 16, 4, 32, 1, 24, 1024, 4096, 16], 738, 4_659_865_088),
      ("9B", [4096, 32, 12288, 16, 4, 32, 0, 27, 1152, 4304, 16], 775, 9_653_104_368),
    ] as [(String, [Int], Int, Int)])
  func `rules cover the published inventory`(size: String, v: [Int], tensors: Int, weights: Int) throws {
    let config = """
      {"model_type": "qwen3_5", "tie_word_embeddings": \(v[6] == 1),
       "text_config": {"hidden_size": \(v[0]), "num_hidden_layers": \(v[1]), "intermediate_size": \(v[2]),
        "num_attention_heads": \(v[3]), "num_key_value_heads": \(v[4]), "head_dim": 256, "linear_num_key_heads": 16,
        "linear_num_value_heads": \(v[5]), "linear_key_head_dim": 128, "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4, "vocab_size": 248320, "rope_parameters": {"rope_theta": 10000000}},
       "vision_config": {"depth": \(v[7]), "hidden_size": \(v[8]), "intermediate_size": \(v[9]), "num_heads": \(v[10])}}
      """
    let json = try OrderedJSON(parsing: Array(config.utf8), file: "config.json")
    let present = ["model.language_model.embed_tokens.weight", "mtp.fc.weight", "model.visual.pos_embed.weight"]
    let c = try Qwen35.Configuration(
      DecoderSource(
        json: json, tensors: Set(present.map { BinaryString($0) }), file: "config.json", of: Qwen35.self))
    let rules = Qwen35.rules(c)
    #expect(Set(rules.map { $0.name(in: .huggingFace) }).count == tensors)
    // The patch embedding has two planes in GGUF.
    #expect(rules.count == tensors + 1 && Set(rules.map { $0.name(in: .gguf) }).count == rules.count)
    #expect(rules.reduce(0) { $0 + $1.shape(in: .gguf).elementCount } == weights)
    let steps = rules.flatMap { $0.steps(from: .huggingFace, to: .gguf) }.map(\.transform)
    #expect(steps.contains { if case .rows = $0 { true } else { false } } == (v[5] != 16))
  }

  @Test(arguments: [(1, 3), (2, 2), (3, 4), (16, 2), (5, 1)])
  func `reordering heads is undone by its inverse`(keyHeads: Int, ratio: Int) {
    let order = BlockPermutation(keyHeads: keyHeads, ratio: ratio, first: 7, block: 3)
    for position in 0..<order.count + 5 {
      #expect(order.inverse.source(of: order.source(of: position)) == position)
      let run = min(order.run(at: position), order.count + 5 - position)
      for step in 0..<run { #expect(order.source(of: position + step) == order.source(of: position) + step) }
    }
    // Grouped head k * ratio + j lies at tiled place j * keyHeads + k.
    for k in 0..<keyHeads {
      for j in 0..<ratio { #expect(order.sources[j * keyHeads + k] == k * ratio + j) }
    }
  }

  @Test func `names are found under every known prefix`() {
    func names(_ list: [String]) -> PartNames {
      PartNames(tensors: Set(list.map { BinaryString($0) }), published: Qwen35.published)
    }
    #expect(names(["model.embed_tokens.weight"]).text == "model.")
    let mlx = names(["language_model.model.embed_tokens.weight", "language_model.lm_head.weight", "vision_tower.x"])
    #expect(mlx.text == "language_model.model." && mlx.head == "language_model." && mlx.vision == "vision_tower.")
    #expect(mlx.mtp == nil)
  }
}

/// The written specification against the rules.
struct Qwen35PageTests {
  @Test func `every rule has its row in the page, and every row a rule`() throws {
    let page = String(decoding: try Fixtures.bytes("../formats/architectures/qwen35.md"), as: UTF8.self)
    var rows: [String: String] = [:]
    for line in page.split(separator: "\n") where line.hasPrefix("| `") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimming(" `") }
      // Tables of tensors have five columns; there are others.
      guard cells.count == 7 else { continue }
      rows[cells[2]] = cells[1] + " " + cells[4] + " " + cells[5]
    }
    var model = try Qwen35(checkpoint: try Containers.open(Fixtures.path("tiny-qwen3.5")))
    model.configuration.tied = false
    var seen: Set<String> = []
    for rule in model.rules {
      let gguf = numberless(rule.name(in: .gguf))
      let row = try #require(rows[gguf], "\(gguf) has no row")
      let name = rule.name(in: .huggingFace)
      let prefix = ["model.language_model.", "mtp.", "model.visual."].first { name.hasPrefix($0) } ?? ""
      let cells = row.split(separator: " ", maxSplits: 1)
      #expect(cells[0] == numberless(String(name.dropFirst(prefix.count))))
      #expect(row.hasSuffix(rule.declared.rawValue), "\(gguf)")
      for step in rule.steps(from: .huggingFace, to: .gguf) {
        switch step.transform {
        case .addOne: #expect(row.contains("+1"), "\(gguf)")
        case .negativeExponential: #expect(row.contains("-exp"), "\(gguf)")
        case .rows, .columns: #expect(row.contains("heads"), "\(gguf)")
        case .plane(let plane): #expect(row.contains("frame \(plane.index)"), "\(gguf)")
        case .transposed, .item, .selection: Issue.record("\(gguf)")
        }
      }
      seen.insert(gguf)
    }
    #expect(seen == Set(rows.keys))
  }

  /// A name with N for the number of its layer.
  private func numberless(_ name: String) -> String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.enumerated().map { index, part in
      let isLayer = index > 0 && ["layers", "blk", "blocks"].contains(parts[index - 1])
      return isLayer ? "N" : String(part)
    }.joined(separator: ".")
  }
}

extension Substring {
  fileprivate func trimming(_ characters: String) -> String {
    String(drop { characters.contains($0) }.reversed().drop { characters.contains($0) }.reversed())
  }
}
