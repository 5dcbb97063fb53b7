import Architectures
import Containers
import Quants
import Base
import Tokenizers

/// Plans the conversion or quantization of a GGUF into another.
struct GGUFPlanner {
  private let checkpoint: Checkpoint
  private let options: ConversionOptions
  private let model: (any Architecture)?
  private var notes: [String] = []

  init(_ checkpoint: Checkpoint, _ options: ConversionOptions) throws(CheckpointError) {
    self.checkpoint = checkpoint
    self.options = options
    let isTower = checkpoint.metadata.string("general.architecture") == "clip"
    if isTower || Architectures.family(of: checkpoint) == nil {
      model = nil
    } else {
      model = try Architectures.open(checkpoint)
    }
    if model == nil, !isTower {
      notes.append(
        "the architecture \(Architectures.claimed(checkpoint)) is not known: matrices whose names end in weight are converted, everything else is kept"
      )
    }
    notes += model?.notes ?? checkpoint.notes
  }

  mutating func plan() throws(CheckpointError) -> Plan {
    let recipe = options.fullRecipe
    let (entries, kept) = try wanted()
    var assignment = try TypeAssignment(
      recipe, tensors: entries.map { ($0.name, $0.shape) }, metadata: kept, importance: options.importance)
    var tensors: [PlannedTensor] = []
    var requantized = 0
    for entry in entries {
      var type = entry.type
      var choice: TypeAssignment.Choice?
      if TypeAssignment.mayQuantize(entry.name, entry.shape, assignment.architecture) {
        choice = try assignment.choose(entry.name, entry.shape, source: entry.type)
        type = choice?.type ?? type
      }
      if entry.type.isBlock, type != entry.type { requantized += 1 }
      tensors.append(
        try PlannedTensor(
          name: entry.name, type: type, shape: entry.shape, sources: [entry], work: .stream(rows: nil, columns: nil),
          importance: choice?.importance, note: choice?.note))
    }
    notes += assignment.gaps.notes
    if requantized > 0 {
      notes.append("\(requantized) tensors are quantized already: quantizing them again loses precision twice")
    }
    let label = HuggingFacePlanner.label(recipe, tensors)
    let isTower = checkpoint.metadata.string("general.architecture") == "clip"
    let path =
      options.output ?? Naming.file(Naming.stem(of: checkpoint.path), encoding: label, vision: isTower)
    let file = try file(path, recipe, tensors, kept, assignment.gaps)
    return Plan(
      sources: [checkpoint.path], files: [file], recipe: recipe, notes: notes, overwrite: options.overwrite,
      checksums: options.checksums)
  }

  private func file(
    _ path: String, _ recipe: Recipe, _ tensors: [PlannedTensor], _ kept: Metadata, _ gaps: ImportanceGaps
  ) throws(CheckpointError) -> PlannedFile {
    let isUnchanged =
      recipe.base == nil && recipe.rules.isEmpty && tensors.count == checkpoint.tensors.count
      && kept == checkpoint.metadata
    if isUnchanged, options.splitSize == nil, let shards = checkpoint.gguf?.shards, shards.count == 1 {
      return PlannedFile(path: path, unchanged: shards[0], tensors: tensors)
    }
    var metadata = kept
    if !isUnchanged {
      metadata["general.quantization_version"] = .uint32(2)
      if let fileType = HuggingFacePlanner.fileType(recipe, tensors) {
        metadata["general.file_type"] = .uint32(fileType)
      }
      Provenance.describe(recipe, in: &metadata)
      if options.isQuantization { ImportanceUse.forget(in: &metadata) }
      options.importance?.describe(gaps, in: &metadata)
    }
    return try PlannedFile(
      path: path, metadata: metadata, tensors: tensors, splitSize: options.splitSize, version: checkpoint.version ?? 3)
  }

  /// The tensors and metadata that are wanted: all, unless an MTP block is to be left out.
  ///
  /// A known family's names are checked, and what the metadata says of the blocks follows the tensors: llama.cpp refuses
  /// files that announce an MTP block they lack, and those that have one and do not say so.
  private mutating func wanted() throws(CheckpointError) -> (entries: [TensorEntry], metadata: Metadata) {
    let all = checkpoint.tensors
    let split = TokenizerSource.split(of: checkpoint)
    if let note = split.note { notes.append(note) }
    guard let model else {
      let leftOut = try LeftOut(options.leaveOut, rules: [], of: [checkpoint])
      return kept(all, checkpoint.metadata, leftOut)
    }
    let rules = model.rules
    let leftOut = try LeftOut(options.leaveOut, rules: rules, of: [checkpoint]) { options.mtp || $0.part != .mtp }
    let check = RuleCheck(rules, checkpoint) { options.mtp || $0.part != .mtp }
    try check.check(refusing: check.strangers.filter { !leftOut.contains($0) }.map { ($0, model.part(of: $0)) })
    var (metadata, changed) = model.corrected(checkpoint.metadata)
    if split.note != nil, let name = split.name {
      metadata[GGUFKeys.split] = .string(name)
      changed.append(GGUFKeys.split)
    }
    if !changed.isEmpty {
      notes.append("the metadata is corrected to what is there: \(listed(changed, 8))")
    }
    guard !options.mtp else { return kept(all, metadata, leftOut) }
    let block = Set(rules.filter { $0.part == .mtp }.map { BinaryString($0.name(in: .gguf)) })
    return kept(
      all.filter { !block.contains(BinaryString($0.name)) }, model.without(.mtp).corrected(metadata).metadata, leftOut)
  }

  /// What is left when the tensors are gone that were asked to be left out, and metadata that says so.
  private mutating func kept(
    _ entries: [TensorEntry], _ metadata: Metadata, _ leftOut: LeftOut
  ) -> (entries: [TensorEntry], metadata: Metadata) {
    notes += leftOut.notes
    var metadata = metadata
    leftOut.describe(in: &metadata)
    return (entries.filter { !leftOut.contains($0.name) }, metadata)
  }
}
