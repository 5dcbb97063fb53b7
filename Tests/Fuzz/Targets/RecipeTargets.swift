import Base
import Containers
import Conversion
import TestSupport
import Text
import Tokenizers

extension FuzzTargets {
  static let imatrix = FuzzTarget(
    name: "imatrix", longest: 1 << 14,
    words: [
      "GGUF\\x03\\x00\\x00\\x00", "general.type", "imatrix", "imatrix.datasets", "imatrix.chunk_count",
      "imatrix.chunk_size",
      ".in_sum2", ".counts", "blk.0.ffn_down.weight", "blk.1.attn_k.weight", "token_embd.weight",
      "\\xff\\xff\\xff\\xff", "\\xff\\xff\\xff\\x7f", "\\x00\\x00\\xc0\\x7f", "\\x20\\x00\\x00\\x00",
    ],
    seeds: {
      let (folder, model) = (try FuzzFolder(), try FuzzFolder())
      try model.put("text.gguf", try SmallModel().converted(to: nil).text)
      let entries = try Containers.open(model.file("text.gguf")).tensors.filter { $0.shape.rank == 2 }.map {
        ImportanceMatrix.Entry(
          name: $0.name, sums: (0..<$0.shape.columns).map { Float($0) + 0.5 }, counts: [Float(8)])
      }
      var seeds = [try Fixtures.bytes("golden/tiny-qwen3.5/imatrix.gguf")].filter { $0.count <= 1 << 14 }
      for part in [entries, Array(entries.prefix(2))] {
        let matrix = ImportanceMatrix(entries: part, datasets: ["text.txt"], chunkCount: 2, chunkSize: 8)
        try matrix.write(to: folder.file("a.gguf"), overwrite: true)
        try matrix.writeLegacy(to: folder.file("a.dat"), overwrite: true)
        seeds += [try FileSystem.read(folder.file("a.gguf")), try FileSystem.read(folder.file("a.dat"))]
      }
      return seeds
    },
    prepare: {
      let (model, folder) = (try SmallModel(), try FuzzFolder())
      let checkpoint = try Containers.open(model.folder.path)
      let recipe = try Recipe.named("IQ4_NL")
      return { input in
        try folder.put("a.imatrix", input)
        try attempt {
          let use = try ImportanceGuide(path: folder.file("a.imatrix"))
          var options = ConversionOptions.quantize(recipe)
          options.guide = use
          try Walk.conversion(of: [checkpoint], options, in: folder)
          try attempt {
            let path = folder.file("again.gguf")
            try use.matrix.write(to: path, overwrite: true)
            let again = try ImportanceMatrix(path: path)
            try promise(again.entries.count == use.matrix.entries.count, "written again it has other entries")
          }
          try attempt { try use.matrix.writeLegacy(to: folder.file("again.dat"), overwrite: true) }
        }
      }
    })

  static let recipe = FuzzTarget(
    name: "recipe", longest: 1 << 11,
    words: [
      "recipe ", "base ", "fallback ", "smaller-blocks", "half", "needs-importance ", "source", "head", "embedding",
      "not-",
      "Q4_K", "Q6_K", "IQ2_XS", "F16", "BF16", " = ", "; ", "# ", "name:", "layer:", "first:", "last:", "every:",
      "more-bits",
      "\"^blk\"", "ffn_down", "attn_v",
    ],
    seeds: {
      try Recipe.available.map { Array(try Recipe.named($0).document.utf8) }
    },
    prepare: {
      let (model, folder) = (try SmallModel(), try FuzzFolder())
      let checkpoint = try Containers.open(model.folder.path)
      return { input in
        try folder.put("a.recipe", input)
        try attempt {
          let recipe = try Recipe(file: folder.file("a.recipe"))
          for text in [recipe.text, recipe.document] {
            let again: Recipe
            do { again = try Recipe(text: text) } catch { throw FuzzFault("a recipe cannot be read again: \(error)") }
            try promise(again == recipe, "a recipe changes when it is written")
          }
          _ = (recipe.fileType, recipe.pure)
          var options = ConversionOptions.quantize(recipe)
          options.output = folder.file("out.gguf")
          let plan = try Conversion.plan([checkpoint], options: options, threads: 1)
          try promise(plan.files[0].tensors.count > 10, "a plan without tensors")
        }
      }
    })

  static let pattern = FuzzTarget(
    name: "pattern", longest: 1 << 8,
    words: [
      "(?i:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "\\\\p{L}", "\\\\P{N}", "\\\\p{Han}", "[^", "]+", "{1,3}",
      "{0,", "*?",
      "++", "\\\\s+(?!\\\\S)", "\\\\b", "\\\\d", "\\\\w", "\\\\x{", "[[:alpha:]]", "&&", "|", "^", "$", "\\\\A",
      "\\\\z", "\\\\u0041", "\\x0a",
    ],
    seeds: {
      let names = Pretokenizer.knownNames.compactMap { Pretokenizer(named: $0) }.flatMap(\.patterns)
      let own = ["^blk\\.(0|1)\\.", "ffn_(up|down)", "(a*)*b", "(?=(?=a*)a*)*b"]
      return (names + own).map { Array(($0 + "\nblk.0.ffn_down.weight aaaaaaaa 123\r\n é").utf8) }
    },
    prepare: {
      { input in
        let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        let pattern = String(decoding: parts[0], as: UTF8.self)
        let text = Array(String(decoding: parts.count > 1 ? parts[1] : [], as: UTF8.self).utf8)
        try attempt {
          let names = String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
          let found = try NamePattern(pattern).isFound(in: names)
          try promise(found.count == names.count, "an answer for each name")
        }
        try attempt {
          let words = try Pretokenizer(patterns: [pattern]).words(text)
          try promise(words.flatMap { Array($0) } == text, "cutting a text into words loses or adds bytes")
        }
      }
    })
}
