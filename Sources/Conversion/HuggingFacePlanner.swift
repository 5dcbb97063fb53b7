import Architectures
import Containers
import Quants
import Base
import Tokenizers
import Libc

/// Plans the conversion of a Hugging Face checkpoint into GGUF.
struct HuggingFacePlanner {
  private let checkpoint: Checkpoint
  private let options: ConversionOptions
  private let model: any Architecture
  private let stem: String
  private let leftOut: LeftOut
  private var notes: [String]

  init(_ checkpoint: Checkpoint, _ options: ConversionOptions) throws(CheckpointError) {
    self.checkpoint = checkpoint
    self.options = options
    model = try Architectures.open(checkpoint)
    stem = Naming.stem(of: checkpoint.folder?.path ?? checkpoint.path)
    leftOut = try LeftOut(options.leaveOut, rules: model.rules, of: [checkpoint]) {
      ($0.part != .mtp || options.mtp) && ($0.part != .vision || options.vision)
    }
    notes = model.notes + leftOut.notes
  }

  mutating func plan() throws(CheckpointError) -> Plan {
    let rules = model.rules
    try checkNames(rules)
    var files = [try textFile(rules.filter { $0.part != .vision && !isLeftOut($0.part) })]
    let tower = rules.filter { $0.part == .vision && !isLeftOut($0.part) }
    if !tower.isEmpty {
      files.append(try visionFile(tower, beside: files[0].path))
    } else if options.visionType != nil {
      throw CheckpointError(.usage, "a type is asked for the vision encoder, and there is none", file: checkpoint.path)
    }
    return Plan(
      sources: [checkpoint.path], files: files, recipe: options.fullRecipe, notes: notes, overwrite: options.overwrite,
      checksums: options.checksums
    )
  }

  /// Every tensor needs a rule or a reason to be left out, and every rule a tensor.
  private mutating func checkNames(_ rules: [TensorRule]) throws(CheckpointError) {
    let check = RuleCheck(rules, checkpoint) { !isLeftOut($0.part) }
    var ignored: [String: Int] = [:]
    var unexpected: [(name: String, part: TensorRule.Part)] = []
    for name in check.strangers {
      let part = model.part(of: name)
      if let reason = model.reasonToIgnore(name) {
        ignored[reason, default: 0] += 1
      } else if !isLeftOut(part), !leftOut.contains(name) {
        unexpected.append((name, part))
      }
    }
    for (reason, count) in ignored.sorted(by: { $0.key < $1.key }) {
      notes.append("\(counted(count, "tensor")) left out: \(reason)")
    }
    try check.check(refusing: unexpected)
  }

  private func isLeftOut(_ part: TensorRule.Part) -> Bool {
    part == .mtp && !options.mtp || part == .vision && !options.vision
  }

  private mutating func textFile(_ rules: [TensorRule]) throws(CheckpointError) -> PlannedFile {
    let recipe = options.fullRecipe
    let shown = options.mtp ? model : model.without(.mtp)
    let facts = shown.textMetadata(FileDescription(name: "", sizeLabel: "", fileType: nil))
    var assignment = try TypeAssignment(
      recipe, tensors: rules.map { ($0.name(in: .gguf), $0.shape(in: .gguf)) }, metadata: facts,
      importance: options.importance)
    let tensors = try tensors(rules, recipe, &assignment)
    notes += assignment.gaps.notes
    let fileType = Self.fileType(recipe, tensors)
    var metadata = shown.textMetadata(
      FileDescription(
        name: Naming.title(stem), sizeLabel: Naming.sizeLabel(Self.count(tensors)), fileType: fileType,
        extra: sampling()))
    if let folder = checkpoint.folder { try addTokenizer(folder, to: &metadata) }
    Provenance.describe(recipe, in: &metadata)
    leftOut.describe(in: &metadata)
    try Provenance.carry(checkpoint, ["config", "tokenizer_config", "generation_config"], in: &metadata)
    Provenance.carryTypes(rules, checkpoint, in: &metadata)
    options.importance?.describe(assignment.gaps, in: &metadata)
    let name = Naming.file(stem, encoding: Self.label(recipe, tensors))
    return try PlannedFile(
      path: options.output ?? name, metadata: metadata, tensors: tensors, splitSize: options.splitSize)
  }

  private func visionFile(_ rules: [TensorRule], beside text: String) throws(CheckpointError) -> PlannedFile {
    let type = options.visionType ?? (options.isQuantization ? .f16 : options.recipe.base)
    var recipe = Recipe.conversion(to: type)
    // The towers' widths suit k-quants only here and there; a type with smaller blocks is nearer to what was asked for than F16.
    recipe.fallback = .smallerBlocks
    var assignment = try TypeAssignment(
      recipe, tensors: rules.map { ($0.name(in: .gguf), $0.shape(in: .gguf)) }, metadata: Metadata())
    let tensors = try tensors(rules, recipe, &assignment)
    let description = FileDescription(
      name: Naming.title(stem), sizeLabel: Naming.sizeLabel(Self.count(tensors)),
      fileType: Self.fileType(recipe, tensors))
    guard var metadata = try model.visionMetadata(description, folder: checkpoint.folder) else {
      throw CheckpointError(.fault, "a vision tower without metadata", file: checkpoint.path)
    }
    Provenance.describe(recipe, in: &metadata)
    try Provenance.carry(checkpoint, ["preprocessor_config"], in: &metadata)
    try Provenance.carryHash(checkpoint, in: &metadata)
    Provenance.carryTypes(rules, checkpoint, in: &metadata)
    let name =
      options.output == nil
      ? Naming.file(stem, encoding: Self.label(recipe, tensors), vision: true) : ProjectorFile.name(beside: text)
    return try PlannedFile(path: options.visionOutput ?? name, metadata: metadata, tensors: tensors, splitSize: nil)
  }

  /// Plans each rule's tensor: its type by the recipe, its work by the rule.
  private func tensors(
    _ rules: [TensorRule], _ recipe: Recipe, _ assignment: inout TypeAssignment
  ) throws(CheckpointError) -> [PlannedTensor] {
    var planned: [PlannedTensor] = []
    for rule in rules {
      let source = try checkpoint.tensor(rule.savedName)
      let (name, shape) = (rule.name(in: .gguf), rule.shape(in: .gguf))
      guard [TensorType.bf16, .f16, .f32].contains(source.type) else {
        throw source.failure(.unsupported, "is stored as \(source.type.name); BF16, F16 and F32 can be converted")
      }
      var type = TensorType.f32
      var choice: TypeAssignment.Choice?
      if TypeAssignment.mayQuantize(name, shape, assignment.architecture) {
        choice = try assignment.choose(name, shape, source: source.type)
        type = choice?.type ?? type
      } else if name.contains(".patch_embd.weight"), (recipe.base ?? source.type) == .f16 {
        // The one exception of the reference converter: a patch embedding follows F16, though nothing else.
        type = .f16
      }
      planned.append(
        try PlannedTensor(
          name: name, type: type, shape: shape, sources: [source],
          work: PlannedTensor.Work(rule.steps(from: checkpoint, to: .gguf)),
          importance: choice?.importance, note: choice?.note))
    }
    return planned
  }

  private mutating func addTokenizer(_ folder: HuggingFaceFolder, to metadata: inout Metadata) throws(CheckpointError) {
    readAhead()
    notes += folder.notes
    let document = try TokenizerSource.document(of: folder)
    let tokenizer = try TokenizerSource.tokenizer(document, of: folder)
    let entries = try tokenizer.ggufEntries(
      rows: model.vocabularySize, chatTemplate: folder.chatTemplate, named: folder.namedChatTemplates)
    metadata = Metadata(metadata.entries + entries)
    if tokenizer.pretokenizer.ggufName == nil {
      notes.append(
        "the pre-tokenizer's pattern has no name in GGUF: it is kept under a key of quern's own, and other programs, which read \"default\", will split text otherwise"
      )
    }
    Provenance.carryTokenizer(document, in: &metadata)
    try Provenance.carryTemplatePlace(folder, in: &metadata)
  }

  /// Asks for the first weights while the tokenizer is still being read, so that the disk is not idle meanwhile.
  private func readAhead() {
    guard let first = checkpoint[model.rules.first?.savedName ?? ""] else { return }
    let file = first.file
    let start = first.offset
    let count = Int(clamping: min(file.size - start, Self.readAheadBytes))
    let thread = startThread { file.willNeed(at: start, count: count) }
    if let thread { pthread_detach(thread) }
  }

  private static let readAheadBytes: UInt64 = 512 << 20

  /// The recommended sampling of `generation_config.json`, as llama.cpp reads it.
  private func sampling() -> [(key: String, value: MetadataValue)] {
    guard let json = checkpoint.folder?.generationConfig else { return [] }
    var entries: [(key: String, value: MetadataValue)] = []
    if let count = json["top_k"]?.intValue.flatMap({ Int32(exactly: $0) }) {
      entries.append(("general.sampling.top_k", .int32(count)))
    }
    for (key, name) in [("top_p", "top_p"), ("min_p", "min_p"), ("temperature", "temp")] {
      if let value = json[key]?.doubleValue, value.isFinite {
        entries.append(("general.sampling.\(name)", .float32(Float(value))))
      }
    }
    return entries
  }

  private static func count(_ tensors: [PlannedTensor]) -> UInt64 {
    tensors.reduce(0) { $0 + UInt64($1.shape.elementCount) }
  }

  /// The recipe's number, or for `source` that of the type most bytes have.
  static func fileType(_ recipe: Recipe, _ tensors: [PlannedTensor]) -> UInt32? {
    recipe.fileType ?? commonest(tensors).flatMap(Recipe.fileType)
  }

  /// The label of the file's name.
  static func label(_ recipe: Recipe, _ tensors: [PlannedTensor]) -> String {
    recipe.base == nil ? commonest(tensors)?.name ?? "F32" : recipe.name
  }

  private static func commonest(_ tensors: [PlannedTensor]) -> TensorType? {
    var bytes: [TensorType: Int] = [:]
    for tensor in tensors { bytes[tensor.type, default: 0] += tensor.byteCount }
    return bytes.max { $0.value != $1.value ? $0.value < $1.value : $0.key.name < $1.key.name }?.key
  }
}
