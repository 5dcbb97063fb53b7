import Architectures
import Base
import Containers
import Quants

/// Plans what becomes of a model, from any dialect of its family into any container.
///
/// Output tensors are gathered by the rules of the family (``RuleCheck``). Containers differ in
/// what the type of a tensor follows from, and in what is written beside the tensors.
struct Planner {
  let options: ConversionOptions
  let threads: Int
  /// The model, or its text where the vision encoder is a file of its own.
  let source: Checkpoint
  let projector: Checkpoint?
  /// What the family says; nil for a GGUF of which only names and shapes are known.
  let model: (any Architecture)?
  let check: RuleCheck
  let leftOut: LeftOut
  var notes: [String] = []

  init(
    _ checkpoints: [Checkpoint], _ options: ConversionOptions, threads: Int
  ) throws(CheckpointError) {
    self.options = options
    self.threads = threads
    var vision: Checkpoint?
    (source, vision) = try Self.join(checkpoints, options.target)
    if options.target == .safetensors {
      if let type = options.recipe.base, type.isBlock {
        throw CheckpointError(.unsupported, "safetensors has no type for \(type.name)")
      }
      if options.isQuantization || !options.overrides.isEmpty {
        throw CheckpointError(.unsupported, "quantized weights can only be written to GGUF")
      }
    }
    if !options.vision { vision = nil }
    projector = vision
    // From GGUF to GGUF names stay, and little has to be known of them.
    let mayBeUnknown = options.target == .gguf && source.format == .gguf
    var reason = "the architecture \(Architectures.claimed(source)) is not known"
    if mayBeUnknown, ProjectorFile.isOne(source) || Architectures.family(of: source) == nil {
      model = nil
    } else {
      do throws(CheckpointError) {
        model = try Architectures.open(source, vision: projector)
      } catch {
        // A variant of a family that is known, such as a Mixtral among Llamas.
        guard mayBeUnknown, error.code == .unsupported || error.code == .missing else { throw error }
        model = nil
        reason = "the model is not understood (\(error.message))"
      }
    }
    func isWanted(_ rule: TensorRule) -> Bool { Self.isWanted(rule.part, options) }
    let rules = model?.rules ?? []
    leftOut = try LeftOut(
      options.leaveOut, rules: rules, of: [source] + (projector.map { [$0] } ?? []), isWanted: isWanted)
    check = RuleCheck(rules, source, projector: projector, isWanted: isWanted)
    if model == nil, !ProjectorFile.isOne(source) {
      notes.append(
        "\(reason): matrices whose names end in weight are converted, everything else is kept")
    }
    notes += (model?.notes ?? source.notes) + (projector?.notes ?? []) + leftOut.notes
  }

  /// The model among what was named, and its projector.
  private static func join(
    _ checkpoints: [Checkpoint], _ target: ConversionOptions.Target
  ) throws(CheckpointError) -> (model: Checkpoint, projector: Checkpoint?) {
    guard target == .safetensors else {
      guard checkpoints.count == 1 else {
        throw CheckpointError(.usage, "several sources can only be joined into a safetensors folder")
      }
      return (checkpoints[0], nil)
    }
    if checkpoints.count == 1, checkpoints[0].format != .gguf { return (checkpoints[0], nil) }
    for checkpoint in checkpoints where checkpoint.format != .gguf {
      throw CheckpointError(.unsupported, "only GGUF files can be joined", file: checkpoint.path)
    }
    guard let text = checkpoints.first(where: { !ProjectorFile.isOne($0) }) else {
      throw CheckpointError(
        .missing, "this is a vision encoder; name its text model too, as TEXT.gguf,MMPROJ.gguf",
        file: checkpoints[0].path
      )
    }
    let projectors = checkpoints.filter(ProjectorFile.isOne)
    guard checkpoints.count - projectors.count == 1, projectors.count <= 1 else {
      throw CheckpointError(.unsupported, "one text model and one vision encoder can be joined, not more")
    }
    return (text, projectors.first)
  }

  private static func isWanted(_ part: TensorRule.Part, _ options: ConversionOptions) -> Bool {
    (part != .mtp || options.mtp) && (part != .vision || options.vision)
  }

  mutating func plan() throws(CheckpointError) -> Plan {
    if let model { try checkNames(model) }
    var files: [PlannedFile]
    switch (options.target, source.format, model) {
    case (.safetensors, _, let model?): files = [try folder(of: model)]
    case (_, .gguf, _), (_, _, nil): files = [try rewritten()]
    case (.gguf, _, let model?): files = try textAndProjector(of: model)
    }
    for index in files.indices.dropFirst() { files[index].keepsEqual = options.visionOutput == nil }
    let sources = [source.path] + (projector.map { [$0.path] } ?? [])
    return Plan(sources: sources, files: files, options, notes: notes)
  }

  /// Every tensor needs a rule or a reason to be left out, and every rule a tensor.
  private mutating func checkNames(_ model: any Architecture) throws(CheckpointError) {
    var ignored: [String: Int] = [:]
    var unexpected: [(name: String, part: TensorRule.Part)] = []
    for name in check.strangers {
      let part = model.part(of: name)
      if source.format != .gguf, let reason = model.reasonToIgnore(name) {
        ignored[reason, default: 0] += 1
      } else if Self.isWanted(part, options), !leftOut.contains(name) {
        unexpected.append((name, part))
      }
    }
    for (reason, count) in ignored.sorted(by: { $0.key < $1.key }) {
      notes.append("\(counted(count, "tensor")) left out: \(reason)")
    }
    try check.check(refusing: unexpected)
  }

  /// The wanted tensors as a dialect has them, and what they are made of.
  ///
  /// - Throws: `unsupported` for weights of a folder that are stored in a type which cannot be converted.
  func gathered(
    in dialect: Dialect, where isIncluded: (TensorRule) -> Bool = { _ in true }
  ) throws(CheckpointError) -> [GatheredTensor] {
    var check = check
    if dialect != .gguf, let model, !TensorRule.Part.allCases.allSatisfy({ Self.isWanted($0, options) }) {
      // A family may publish the text of a model that sees under other names than a text model.
      check = RuleCheck(written(model).rules, source, projector: projector) { Self.isWanted($0.part, options) }
    }
    let tensors = try check.gathered(in: dialect, where: isIncluded)
    for tensor in tensors {
      for entry in tensor.parts.map(\.source) {
        let isPublished = tensor.publishedBlocks == entry.type
        guard source.format == .gguf || isPublished || [.bf16, .f16, .f32].contains(entry.type) else {
          throw entry.failure(.unsupported, "is stored as \(entry.type.name); BF16, F16 and F32 can be converted")
        }
      }
    }
    return tensors
  }

  /// The model that is written: without the parts that are not.
  func written(_ model: any Architecture) -> any Architecture {
    TensorRule.Part.allCases.filter { !Self.isWanted($0, options) }.reduce(model) { $0.without($1) }
  }
}
