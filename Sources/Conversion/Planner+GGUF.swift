import Architectures
import Base
import Containers
import Quants
import Libc
import Tokenizers

extension Planner {
  /// Plans the GGUF of a folder's text model, and the `mmproj` of its vision encoder beside it.
  mutating func textAndProjector(of model: any Architecture) throws(CheckpointError) -> [PlannedFile] {
    let stem = Naming.stem(of: source.folder?.path ?? source.path)
    let text = try textFile(of: model, stem)
    let vision = try gathered(in: .gguf) { $0.part == .vision }
    guard !vision.isEmpty else {
      if options.visionType != nil {
        throw CheckpointError(.usage, "a type is asked for the vision encoder, and there is none", file: source.path)
      }
      return [text]
    }
    return [text, try visionFile(of: model, vision, stem, beside: text.path)]
  }

  private mutating func textFile(of model: any Architecture, _ stem: String) throws(CheckpointError) -> PlannedFile {
    let recipe = options.fullRecipe
    let shown = written(model)
    let facts = shown.textMetadata(FileDescription(name: "", sizeLabel: "", fileType: nil))
    let gathered = try gathered(in: .gguf) { $0.part != .vision }
    let (tensors, gaps) = try planned(gathered, recipe, facts, guide: options.guide)
    notes += gaps.notes + model.untoldByGGUF
    // A file with such blocks is named for them, whatever the rest is in.
    let mix = gathered.contains(where: keepsBlocks) ? try Recipe.named("MXFP4_MOE") : recipe
    var metadata = shown.textMetadata(
      FileDescription(
        name: Naming.title(stem), sizeLabel: Naming.sizeLabel(tensors), fileType: mix.fileType(of: tensors),
        extra: sampling()))
    if let folder = source.folder { try addTokenizer(folder, rows: model.vocabularySize, to: &metadata) }
    Provenance.describe(recipe, in: &metadata)
    leftOut.describe(in: &metadata)
    try Provenance.carry(source, ["config", "tokenizer_config", "generation_config"], in: &metadata)
    Provenance.carryTypes(check.wanted.filter { $0.part != .vision }, source, in: &metadata)
    options.guide?.describe(gaps, in: &metadata)
    let path = options.output ?? Naming.file(stem, encoding: mix.label(of: tensors))
    return try PlannedFile(path: path, metadata: metadata, tensors: tensors, splitSize: options.splitSize)
  }

  private func visionFile(
    of model: any Architecture, _ gathered: [GatheredTensor], _ stem: String, beside text: String
  ) throws(CheckpointError) -> PlannedFile {
    let type = options.visionType ?? (options.isQuantization ? .f16 : options.recipe.base)
    var recipe = Recipe.conversion(to: type)
    // The widths of vision encoders suit k-quants only here and there; a type with smaller blocks is nearer to what was asked for than F16.
    recipe.fallback = .smallerBlocks
    if options.visionType == nil {
      recipe.rules = options.fullRecipe.rules.filter {
        $0.conditions.contains(.architecture(ProjectorFile.architecture))
      }
    }
    let facts = Metadata([("general.architecture", .string(ProjectorFile.architecture))])
    let tensors = try planned(gathered, recipe, facts, guide: nil).tensors
    let description = FileDescription(
      name: Naming.title(stem), sizeLabel: Naming.sizeLabel(tensors), fileType: recipe.fileType(of: tensors),
      extra: sampling())
    guard var metadata = try model.visionMetadata(description, folder: source.folder) else {
      throw CheckpointError(.fault, "a vision encoder without metadata", file: source.path)
    }
    Provenance.describe(recipe, in: &metadata)
    try Provenance.carry(source, ["preprocessor_config"], in: &metadata)
    try Provenance.carryHash(source, in: &metadata)
    Provenance.carryTypes(check.wanted.filter { $0.part == .vision }, source, in: &metadata)
    let name =
      options.output == nil
      ? Naming.file(stem, encoding: recipe.label(of: tensors), vision: true) : ProjectorFile.name(beside: text)
    return try PlannedFile(path: options.visionOutput ?? name, metadata: metadata, tensors: tensors, splitSize: nil)
  }

  /// Plans a GGUF of a GGUF: its tensors in their order, but for those that are left out.
  ///
  /// What the metadata says of the blocks follows the tensors: llama.cpp refuses files that announce an MTP block they lack, and
  /// those that have one and do not say so.
  mutating func rewritten() throws(CheckpointError) -> PlannedFile {
    let recipe = options.fullRecipe
    let kept = keptMetadata()
    let wanted = Set(check.wanted.map { BinaryString($0.name(in: .gguf)) })
    var gathered: [GatheredTensor] = []
    for entry in source.tensors where model == nil || wanted.contains(BinaryString(entry.name)) {
      guard !leftOut.contains(entry.name) else { continue }
      gathered.append(
        GatheredTensor(
          name: entry.name, shape: entry.shape, parts: [try TensorPart(entry, [])], declared: .f32))
    }
    let (tensors, gaps) = try planned(gathered, recipe, kept, guide: options.guide)
    notes += gaps.notes
    let again = tensors.count { $0.sources[0].type.isBlock && $0.type != $0.sources[0].type }
    if again > 0 {
      notes.append("\(again) tensors are quantized already: quantizing them again loses precision twice")
    }
    let path =
      options.output
      ?? Naming.file(
        Naming.stem(of: source.path), encoding: recipe.label(of: tensors), vision: ProjectorFile.isOne(source))
    let isUnchanged =
      recipe.base == nil && recipe.rules.isEmpty && tensors.count == source.tensors.count && kept == source.metadata
    if isUnchanged, options.splitSize == nil, let shards = source.gguf?.shards, shards.count == 1 {
      return PlannedFile(path: path, unchanged: shards[0], tensors: tensors)
    }
    var metadata = kept
    if !isUnchanged {
      metadata["general.quantization_version"] = .uint32(2)
      if let fileType = recipe.fileType(of: tensors) { metadata["general.file_type"] = .uint32(fileType) }
      Provenance.describe(recipe, in: &metadata)
      if options.isQuantization { ImportanceGuide.forget(in: &metadata) }
      options.guide?.describe(gaps, in: &metadata)
    }
    return try PlannedFile(
      path: path, metadata: metadata, tensors: tensors, splitSize: options.splitSize, version: source.version ?? 3)
  }

  /// The metadata of a GGUF, corrected to the tensors that will be there.
  private mutating func keptMetadata() -> Metadata {
    let split = TokenizerSource.split(of: source)
    if let note = split.note { notes.append(note) }
    var metadata = source.metadata
    if let model {
      var changed: [String]
      (metadata, changed) = model.corrected(metadata)
      if split.note != nil, let name = split.name {
        metadata[GGUFKeys.split] = .string(name)
        changed.append(GGUFKeys.split)
      }
      if !changed.isEmpty { notes.append("the metadata is corrected to what is there: \(listed(changed, 8))") }
      metadata = written(model).corrected(metadata).metadata
    }
    leftOut.describe(in: &metadata)
    return metadata
  }

  /// Plans the tensors of one file: their types by the recipe, the others as the source has them or in full.
  private func planned(
    _ tensors: [GatheredTensor], _ recipe: Recipe, _ metadata: Metadata, guide: (any EncodingGuide)?
  ) throws(CheckpointError) -> (tensors: [PlannedTensor], gaps: GuidanceGaps) {
    var assignment = try TypeAssignment(
      recipe, tensors: tensors.map { ($0.name, $0.shape) }, metadata: metadata, guide: guide)
    var planned: [PlannedTensor] = []
    for tensor in tensors {
      let own = tensor.parts.first?.source.type ?? .f32
      var choice = TypeAssignment.Choice(type: source.format == .gguf ? own : .f32)
      var isChosen = false
      if let type = tensor.fixedType {
        choice.type = type
      } else if TypeAssignment.mayQuantize(tensor.name, tensor.shape, assignment.architecture) {
        // Blocks that a family publishes are not unpacked because a conversion asks for numbers.
        let isKept = keepsBlocks(tensor)
        isChosen = true
        choice = try assignment.choose(tensor.name, tensor.shape, source: own, keeping: isKept ? own : nil)
      } else if source.format != .gguf, tensor.name.contains(".patch_embd.weight"), (recipe.base ?? own) == .f16 {
        // The one exception of the reference converter: a patch embedding follows F16, though nothing else.
        choice.type = .f16
      }
      planned.append(
        try PlannedTensor(
          name: tensor.name, type: choice.type, shape: tensor.shape, parts: tensor.parts, computed: tensor.computed,
          guidance: choice.guidance, isChosen: isChosen,
          note: tensor.computed == nil ? choice.note : "computed from the configuration"))
    }
    return (planned, assignment.gaps)
  }

  /// Whether a tensor of a folder stays in the blocks its family publishes it in, unless it is named.
  private func keepsBlocks(_ tensor: GatheredTensor) -> Bool {
    guard let blocks = tensor.publishedBlocks, source.format != .gguf, !options.isQuantization else { return false }
    return tensor.parts.allSatisfy { $0.source.type == blocks }
  }

  private mutating func addTokenizer(
    _ folder: HuggingFaceFolder, rows: Int, to metadata: inout Metadata
  ) throws(CheckpointError) {
    readAhead()
    notes += folder.notes
    // A folder of SentencePiece's own files has no document to carry.
    let model = try TokenizerSource.sentencePieceModel(of: folder)
    var document: TokenizerDocument?
    let tokenizer: Tokenizer
    if model != nil, try folder.tokenizerJSON() == nil {
      tokenizer = try TokenizerSource.tokenizer(of: folder)
    } else {
      let read = try TokenizerSource.document(of: folder)
      tokenizer = try TokenizerSource.tokenizer(read, of: folder)
      document = read
    }
    var documents = PieceDocuments()
    documents.model = model
    documents.addedTokens = try folder.addedTokens()
    documents.tokenizerConfig = folder.tokenizerConfig
    documents.listed = document?.rest["added_tokens"]?.arrayValue ?? []
    let entries = try tokenizer.ggufEntries(
      rows: rows, chatTemplate: folder.chatTemplate, named: folder.namedChatTemplates,
      convention: TokenizerConvention(architecture: metadata.string("general.architecture") ?? ""), documents: documents
    )
    metadata = Metadata(metadata.entries + entries)
    if tokenizer.pretokenizer.isByteLevel, tokenizer.pretokenizer.ggufName == nil {
      notes.append(
        "the pre-tokenizer's pattern has no name in GGUF: it is kept under a key of quern's own, and other programs, which read \"default\", will split text otherwise"
      )
    }
    if let document { Provenance.carryTokenizer(document, in: &metadata) }
    try Provenance.carryTemplatePlace(folder, in: &metadata)
  }

  /// Asks for the first weights while the tokenizer is still being read, so that the disk is not idle meanwhile.
  private func readAhead() {
    guard let first = check.wanted.first.flatMap(check.entry) else { return }
    let (file, start) = (first.file, first.offset)
    let count = Int(clamping: min(file.size - start, 512 << 20))
    let thread = startThread { file.willNeed(at: start, count: count) }
    if let thread { pthread_detach(thread) }
  }

  /// The recommended sampling of `generation_config.json`, as llama.cpp reads it.
  private func sampling() -> [(key: String, value: MetadataValue)] {
    guard let json = source.folder?.generationConfig else { return [] }
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
}

extension Recipe {
  /// The recipe's number, or for `source` that of the type most bytes have.
  fileprivate func fileType(of tensors: [PlannedTensor]) -> UInt32? {
    fileType ?? Self.commonest(tensors).flatMap(Recipe.fileType)
  }

  /// The label of the file's name.
  fileprivate func label(of tensors: [PlannedTensor]) -> String {
    base == nil ? Self.commonest(tensors)?.name ?? "F32" : name
  }

  private static func commonest(_ tensors: [PlannedTensor]) -> TensorType? {
    var bytes: [TensorType: Int] = [:]
    for tensor in tensors { bytes[tensor.type, default: 0] += tensor.byteCount }
    return bytes.max { $0.value != $1.value ? $0.value < $1.value : $0.key.name < $1.key.name }?.key
  }
}

extension Naming {
  /// The parameter count of a file's tensors in the field's short form.
  fileprivate static func sizeLabel(_ tensors: [PlannedTensor]) -> String {
    sizeLabel(tensors.reduce(0) { $0 + UInt64($1.shape.elementCount) })
  }
}
