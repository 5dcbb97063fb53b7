import Architectures
import Containers
import Quants
import Base

/// Plans the way back: from GGUF, and its `mmproj` where there is one, to a Hugging Face folder.
struct RestorePlanner {
  private let text: Checkpoint
  private let vision: Checkpoint?
  private let options: ConversionOptions
  private let model: any Architecture
  private let threads: Int
  private let check: RuleCheck
  private let leftOut: LeftOut
  private var notes: [String]

  init(
    _ checkpoints: [Checkpoint], _ options: ConversionOptions, threads: Int
  ) throws(CheckpointError) {
    func isTower(_ checkpoint: Checkpoint) -> Bool {
      checkpoint.metadata.string("general.architecture") == "clip"
    }
    for checkpoint in checkpoints where checkpoint.format != .gguf {
      throw CheckpointError(.unsupported, "only GGUF files can be joined", file: checkpoint.path)
    }
    guard let text = checkpoints.first(where: { !isTower($0) }) else {
      throw CheckpointError(
        .missing, "this is a vision tower; name its text model too, as TEXT.gguf,MMPROJ.gguf", file: checkpoints[0].path
      )
    }
    let towers = checkpoints.filter(isTower)
    guard checkpoints.count - towers.count == 1, towers.count <= 1 else {
      throw CheckpointError(.unsupported, "one text model and one vision tower can be joined, not more")
    }
    if let type = options.recipe.base, type.isBlock {
      throw CheckpointError(.unsupported, "safetensors has no type for \(type.name)")
    }
    if options.isQuantization || !options.overrides.isEmpty {
      throw CheckpointError(.unsupported, "quantized weights can only be written to GGUF")
    }
    self.text = text
    self.vision = options.vision ? towers.first : nil
    self.options = options
    self.threads = threads
    model = try Architectures.open(text, vision: vision)
    leftOut = try LeftOut(
      options.leaveOut, rules: model.rules, of: [text] + (vision.map { [$0] } ?? [])
    ) { options.mtp || $0.part != .mtp }
    check = RuleCheck(model.rules, text, projector: vision) { options.mtp || $0.part != .mtp }
    notes = model.notes + (vision?.notes ?? []) + leftOut.notes
    if let vision {
      notes.append(ProjectorMatch.note(text: text, projector: vision, use: "the vision encoder is that of"))
    } else if options.vision, let projector = try? ProjectorFile.beside(text) {
      notes.append(
        "the projector \(projector) beside the model is not part of it; name both, as TEXT.gguf,MMPROJ.gguf, to restore "
          + "the vision encoder too")
    }
  }

  mutating func plan() throws(CheckpointError) -> Plan {
    try check.check(refusing: check.strangers.filter { !leftOut.contains($0) }.map { ($0, model.part(of: $0)) })
    let rules = check.wanted
    var recorded = Provenance.types(in: text.metadata)
    if let vision { recorded.merge(Provenance.types(in: vision.metadata)) { $1 } }
    var tensors: [PlannedTensor] = []
    var index = 0
    while index < rules.count {
      // Rules that share a Hugging Face name are planes of one tensor; they follow each other.
      var group = [rules[index]]
      let name = group[0].name(in: .huggingFace)
      while index + group.count < rules.count, rules[index + group.count].name(in: .huggingFace) == name {
        group.append(rules[index + group.count])
      }
      tensors.append(try tensor(group, recorded[BinaryString(name)]))
      index += group.count
    }
    let path = options.output ?? Naming.stem(of: text.path) + "-safetensors"
    var restored = RestoredDocuments(model: options.mtp ? model : model.without(.mtp), text: text, vision: vision)
    let documents = try restored.all()
    notes += restored.notes + [TokenizerSource.split(of: text).note].compactMap { $0 }
    let file = try PlannedFile(
      folder: path, tensors: tensors, documents: documents, shardSize: options.splitSize ?? 5_000_000_000)
    return Plan(
      sources: [text.path] + (vision.map { [$0.path] } ?? []), files: [file], recipe: options.fullRecipe, notes: notes,
      overwrite: options.overwrite, checksums: options.checksums)
  }

  /// Plans the tensor of rules that share a Hugging Face name.
  private mutating func tensor(
    _ rules: [TensorRule], _ recorded: ElementType?
  ) throws(CheckpointError) -> PlannedTensor {
    var sources: [TensorEntry] = []
    for rule in rules {
      guard let source = check.entry(rule) else { continue }
      _ = try source.type.requiredCodec()
      sources.append(source)
    }
    let rule = rules[0]
    let wanted = recorded ?? rule.declared
    let steps = rules.map { $0.steps(from: .gguf, to: .huggingFace) }
    let shape = rule.shape(in: .huggingFace)
    let type: TensorType
    if let asked = options.recipe.base, shape.rank >= 2 {
      type = asked
    } else if let step = steps[0].first(where: \.transform.changesValues) {
      type = try typeOfTransformed(step.transform, sources[0], wanted)
    } else {
      type = try lossless(sources, wanted)
    }
    return try PlannedTensor(
      name: rule.name(in: .huggingFace), type: type, shape: shape, sources: sources, work: PlannedTensor.Work(steps))
  }

  /// The wanted type where it holds every value exactly; else the stored type, or F32 for blocks.
  private func lossless(_ sources: [TensorEntry], _ wanted: ElementType) throws(CheckpointError) -> TensorType {
    for source in sources where try !source.fits(wanted, threads: threads) {
      return source.type.isBlock ? .f32 : source.type
    }
    return TensorType(elementType: wanted) ?? .f32
  }

  /// The wanted type where every stored value has a preimage in it; else F32.
  private mutating func typeOfTransformed(
    _ transform: TensorTransform, _ source: TensorEntry, _ wanted: ElementType
  ) throws(CheckpointError) -> TensorType {
    let values = try source.readFloats()
    func lost(_ type: ElementType) -> Int {
      values.count { TransformSteps.preimage($0, of: transform, in: type) == nil }
    }
    if transform == .negativeExponential, let index = values.firstIndex(where: { !($0 < 0) }) {
      throw source.failure(.malformed, "value \(index) is \(values[index]); decay rates are negative")
    }
    if lost(wanted) == 0 { return TensorType(elementType: wanted) ?? .f32 }
    let lost = lost(.f32)
    if lost > 0 {
      notes.append("\(source.name): \(lost) values have no exact origin; the nearest is written")
    }
    return .f32
  }
}
