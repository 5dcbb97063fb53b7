import Architectures
import Containers
import Conversion
import Engine
import Images
import Quants
import Base
import Tokenizers

/// What is done with a model once it is open: everything that the commands do, in small.
enum Walk {
  private static let compute = Compute(threads: 1)
  /// Four patches of two by two pixels, as the small model's vision encoder reads them.
  private static let patches = Patches(
    grids: [Patches.Grid(frames: 1, rows: 2, columns: 2)], values: [Float](repeating: 0.5, count: 4 * 24), width: 24)
  /// Larger ones have their bytes looked at and no more.
  private static let mostValues = 1 << 18

  /// Reads every tensor, decodes it, and lays a GGUF out again.
  static func weights(_ checkpoint: Checkpoint) throws {
    for tensor in checkpoint.tensors {
      try attempt {
        let sum = try tensor.withBytes { (bytes) throws(CheckpointError) in bytes.reduce(UInt64(0)) { $0 + UInt64($1) }
        }
        try promise(sum <= UInt64(tensor.byteCount) * 255, "a tensor lends other bytes than it has")
      }
      guard tensor.type.codec != nil, tensor.shape.elementCount <= mostValues else { continue }
      try attempt {
        let values = try tensor.readFloats()
        try promise(values.count == tensor.shape.elementCount, "a tensor decodes to another number of values")
      }
    }
    for shard in checkpoint.gguf?.shards ?? [] {
      let (layout, bytes) = (try GGUFLayout(copying: shard), try FileSystem.read(shard.path))
      try promise(
        layout.totalBytes == UInt64(bytes.count) && bytes.starts(with: layout.parts[0].header),
        "an accepted GGUF would be written otherwise")
    }
  }

  /// Understands the configuration and computes two tokens.
  static func model(_ checkpoint: Checkpoint, vision: Checkpoint? = nil) throws {
    try attempt {
      let family = try Architectures.open(checkpoint, vision: vision)
      try promise(family.rules.count < 1 << 20, "a configuration with a million tensors")
      let description = FileDescription(name: "x", sizeLabel: "1B", fileType: 0)
      _ = (family.notes, family.textMetadata(description), family.corrected(checkpoint.metadata))
      try attempt { _ = try family.corrected(configuration: family.configurationJSON()) }
      if let vision { _ = family.preprocessorJSON(mmproj: vision.metadata) }
      try attempt { _ = try family.visionMetadata(description, folder: checkpoint.folder) }
      try attempt {
        let encoder = try family.visionEncoder(vision ?? checkpoint)
        _ = try encoder?.encode(patches, compute: compute, observer: nil)
      }
      try attempt {
        let model = try family.languageModel(checkpoint)
        var state = model.makeState(capacity: 2)
        let hidden = try model.forward([0, 1], state: &state, compute: compute)
        try promise(hidden.rows == 2, "two tokens give \(hidden.rows) rows")
      }
    }
  }

  private static let text = "Hello, wörld 11 hello <think> <|im_end|>  \r\n\u{0}e\u{301}"

  /// Uses a tokenizer in every way that conversion and evaluation do.
  static func tokenizer(_ tokenizer: Tokenizer) throws {
    try attempt {
      let ids = try tokenizer.encode(text)
      try promise(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize }, "an id outside of the vocabulary")
      _ = tokenizer.decode(ids)
    }
    _ = tokenizer.decode(Array(-1..<40), skipsControl: true)
    guard tokenizer.vocabularySize <= mostValues else { return }
    try attempt {
      let entries = try tokenizer.ggufEntries(rows: tokenizer.vocabularySize + 1, chatTemplate: "x")
      try promise(entries.count > 4, "a tokenizer without metadata")
    }
  }

  /// Plans and does what `options` say, if it is small, and opens what was written.
  static func conversion(
    of checkpoints: [Checkpoint], _ options: ConversionOptions, in folder: FuzzFolder
  ) throws {
    var options = options
    options.overwrite = true
    options.output = folder.file(options.target == .gguf ? "out.gguf" : "out")
    if options.target == .gguf, checkpoints[0].format != .gguf { options.visionOutput = folder.file("out-vision.gguf") }
    let wanted = options
    try attempt {
      let plan = try Conversion.plan(checkpoints, options: wanted, threads: 1)
      guard plan.bytesOut < 1 << 20 else { return }
      let report = try plan.run(threads: 1)
      try promise(!report.files.isEmpty, "a run that writes nothing")
      for file in plan.files {
        do {
          let written = try Containers.open(file.path)
          try promise(written.tensors.count == file.tensors.count, "an output lacks tensors")
        } catch let error as CheckpointError {
          throw FuzzFault("what was written cannot be read: \(error)")
        }
      }
    }
  }
}
