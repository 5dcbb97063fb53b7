import Containers
import Conversion
import Quants
import Base
import TestSupport
import Testing

/// What happens to tensors that importance says nothing about, and what is told of it before work starts.
struct ImportanceUseTests {
  private func options(
    _ recipe: String, _ folder: TemporaryFolder, _ change: (ImportanceMatrix.Entry) -> ImportanceMatrix.Entry? = { $0 }
  ) throws -> ConversionOptions {
    let matrix = try ImportanceMatrix(path: goldenImportance)
    let changed = ImportanceMatrix(
      entries: matrix.entries.compactMap(change), datasets: matrix.datasets, chunkCount: 60, chunkSize: 256)
    try changed.write(to: folder.file("m.gguf"), overwrite: true)
    var options = into(folder, .quantize(try .named(recipe)))
    options.vision = false
    options.guide = try ImportanceGuide(path: folder.file("m.gguf"))
    return options
  }

  /// llama-quantize stops at the MTP block, which llama-imatrix does not run.
  @Test(arguments: [("IQ2_XXS", "Q2_K"), ("IQ1_M", "Q2_K"), ("IQ3_XXS", "IQ3_S"), ("Q2_K_S", "Q3_K")])
  func `an MTP block without importance stops no recipe`(recipe: String, expected: String) throws {
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: tinyModel, options: options(recipe, folder))
    let tensor = try #require(plan.files[0].tensors.first { $0.name == "blk.8.ffn_up.weight" })
    #expect(tensor.type.name == expected && tensor.guidance == .none)
    #expect(tensor.note == "no importance: \(expected) instead of \(try Recipe.named(recipe).base?.name ?? "")")
    #expect(plan.notes.contains { $0.contains("needs it, so \(expected) instead: blk.8.") }, "\(plan.notes)")
    // Everything else is as if the block were not there, but for the order-dependent choices.
    let other = try #require(plan.files[0].tensors.first { $0.name == "blk.0.ffn_up.weight" })
    #expect(other.guidance == .diagonal)
    #expect(try plan.guide?.guidance(for: other.description).count == 256)
    guard recipe == "Q2_K_S" else { return }
    _ = try plan.run()
    let written = try Containers.open(folder.file("model.gguf"))
    #expect(written["blk.8.ffn_up.weight"]?.type.name == expected)
    #expect(written.metadata.strings("quern.importance.without")?.contains("blk.8.ffn_up.weight") == true)
  }

  @Test func `missing and damaged entries are told, and quantized plainly`() throws {
    let folder = try TemporaryFolder()
    var sums: [String] = []
    for bad in [Float.nan, .infinity, -1, nil] {
      var options = try options("Q4_K_S", folder) { entry in
        guard entry.name == "blk.1.ffn_up.weight" else { return entry }
        guard let bad else { return nil }
        return .init(name: entry.name, sums: [bad] + entry.sums.dropFirst(), counts: entry.counts)
      }
      options.overwrite = true
      let plan = try Conversion.plan(source: tinyModel, options: options)
      let reason = bad == nil ? "no importance" : bad == -1 ? "importance is negative" : "importance is not finite"
      #expect(plan.files[0].tensors.first { $0.name == "blk.1.ffn_up.weight" }?.note == reason + ": the plain rule")
      #expect(
        plan.notes.contains {
          $0.hasPrefix(reason) && $0.contains("plain rule") && (bad == nil || $0.contains("blk.1.ffn_up.weight"))
        },
        "\(plan.notes)")
      _ = try plan.run()
      sums.append(try sha256(try Containers.open(folder.file("model.gguf")).tensor("blk.1.ffn_up.weight")))
    }
    #expect(Set(sums).count == 1)
  }

  @Test func `importance of another model is refused`() throws {
    let folder = try TemporaryFolder()
    var wrong = try options("Q4_K_M", folder) { entry in
      entry.name == "blk.2.ffn_up.weight" ? .init(name: entry.name, sums: [1, 2, 3], counts: [1]) : entry
    }
    let shape = #expect(throws: CheckpointError.self) { try Conversion.plan(source: tinyModel, options: wrong) }
    #expect(shape?.code == .mismatch && shape?.tensor == "blk.2.ffn_up.weight")
    #expect(shape?.message.contains("3 values for it and 256 are needed") == true)
    wrong = try options("Q4_K_M", folder) { .init(name: "x." + $0.name, sums: $0.sums, counts: $0.counts) }
    let names = #expect(throws: CheckpointError.self) { try Conversion.plan(source: tinyModel, options: wrong) }
    #expect(names?.message.contains("none of its entries") == true)
    // Tables may differ, and entries may be too many.
    let fine = try options("Q4_K_M", folder) { entry in
      entry.name == "blk.0.attn_gate.weight"
        ? .init(name: "token_embd.weight", sums: [1, 2, 3], counts: [1])
        : entry.name == "blk.0.attn_qkv.weight" ? .init(name: "blk.77.x.weight", sums: [1], counts: [1]) : entry
    }
    let plan = try Conversion.plan(source: tinyModel, options: fine)
    #expect(plan.notes.contains { $0.contains("another shape for 1 tensor,") && $0.contains("token_embd.weight") })
    #expect(plan.notes.contains { $0 == "1 entry of the importance matrix belongs to no tensor here: blk.77.x.weight" })
  }

  @Test func `the output says where importance came from`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, options("Q4_0", folder))
    let metadata = try Containers.open(folder.file("model.gguf")).metadata
    #expect(metadata.string("quantize.imatrix.file") == String(folder.file("m.gguf").prefix(127)))
    #expect(metadata.string("quantize.imatrix.dataset") == "calibration.txt")
    #expect(metadata["quantize.imatrix.entries_count"] == .uint32(62))
    #expect(metadata["quantize.imatrix.chunks_count"] == .uint32(60))
    #expect(metadata.string("quern.importance.sha256") == (try sha256(file: folder.file("m.gguf"))))
    #expect(metadata.strings("quern.importance.datasets") == ["calibration.txt"])
    // Quantized again without it, the file no longer claims it.
    try convert(folder.file("model.gguf"), into(folder, .quantize(try .named("Q8_0")), "again"))
    let again = try Containers.open(folder.file("again.gguf")).metadata
    #expect(again.keys.allSatisfy { !$0.contains("imatrix") && !$0.contains("importance") })
  }

  /// Values from nothing to the largest, whole columns of zeros: every format must come through.
  @Test(arguments: Recipe.available)
  func `extreme importance is survived`(recipe: String) throws {
    let folder = try TemporaryFolder()
    for fill in [Float(0), .leastNonzeroMagnitude, .greatestFiniteMagnitude] {
      var options = try options(recipe, folder) { entry in
        guard entry.name.hasPrefix("blk.0.attn_gate") else { return nil }
        let sums = entry.sums.indices.map { $0 % 64 < 32 ? fill : entry.sums[$0] }
        return .init(name: entry.name, sums: sums, counts: [1])
      }
      options.recipe.rules = []
      options.overrides = [(#"^(?!blk\.0\.attn_gate)"#, .q8_0)]
      options.overwrite = true
      do {
        try convert(tinyModel, options)
      } catch let error as CheckpointError {
        #expect(error.message.contains("scale"), "\(error)")
      }
    }
  }

  /// The importance of an expert is its own, and rows may be longer than a stripe.
  @Test func `stacked experts and long rows`() throws {
    let folder = try TemporaryFolder()
    for (shape, columns) in [([3, 4, 64], 64), ([2, 40_960], 40_960)] {
      let count = shape.reduce(1, *)
      let matrices = shape.count > 2 ? shape[0] : 1
      let values = (0..<count).map { Float(($0 * 7919) % 1009) / 1009 - 0.5 }
      let sums = (0..<matrices * columns).map { Float(($0 * 31) % 97) }
      let writer = try GGUFWriter(
        path: folder.file("x.gguf"), metadata: Metadata([("general.architecture", .string("odd"))]),
        tensors: [TensorDescription(name: "blk.0.ffn_up_exps.weight", type: .f32, shape: Shape(shape))], overwrite: true
      )
      try writer.beginTensor(0)
      try values.withUnsafeBytes { try writer.write($0) }
      try writer.endTensor()
      _ = try writer.finish()
      try ImportanceMatrix(
        entries: [.init(name: "blk.0.ffn_up_exps.weight", sums: sums, counts: [Float](repeating: 1, count: matrices))],
        datasets: [], chunkCount: 1, chunkSize: 1
      ).write(to: folder.file("m.gguf"), overwrite: true)
      var options = into(folder, .quantize(try .named("Q4_0", pure: true)))
      options.overwrite = true
      options.guide = try ImportanceGuide(path: folder.file("m.gguf"))
      try convert(folder.file("x.gguf"), options)
      // Row by row through the codec itself.
      let codec = try RowCodec(.q4_0)
      var expected: [UInt8] = []
      for row in 0..<count / columns {
        var blocks = [UInt8](repeating: 0, count: columns / 32 * 18)
        let start = matrices == 1 ? 0 : row / shape[1] * columns
        values[row * columns..<(row + 1) * columns].withUnsafeBufferPointer { row in
          sums[start..<start + columns].withUnsafeBufferPointer { weights in
            blocks.withUnsafeMutableBytes { codec.encode(row, importance: weights, into: $0) }
          }
        }
        expected += blocks
      }
      let written = try Containers.open(folder.file("model.gguf")).tensors[0]
      #expect(try written.withBytes { [UInt8]($0) } == expected)
    }
  }
}
