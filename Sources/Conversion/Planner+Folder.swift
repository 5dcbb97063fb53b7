import Architectures
import Base
import Containers
import Quants

extension Planner {
  /// Plans a Hugging Face folder, as the family publishes it.
  mutating func folder(of model: any Architecture) throws(CheckpointError) -> PlannedFile {
    if let projector {
      notes.append(ProjectorMatch.note(text: source, projector: projector, use: "the vision encoder is that of"))
    } else if source.format == .gguf, options.vision, let beside = try? ProjectorFile.beside(source) {
      notes.append(
        "the projector \(beside) beside the model is not part of it; name both, as TEXT.gguf,MMPROJ.gguf, to restore "
          + "the vision encoder too")
    }
    let recorded = Provenance.types(in: source.metadata)
      .merging(projector.map { Provenance.types(in: $0.metadata) } ?? [:]) { $1 }
    var tensors: [PlannedTensor] = []
    for tensor in try gathered(in: .huggingFace) {
      if let blocks = tensor.publishedBlocks, tensor.parts.allSatisfy({ $0.source.type == blocks }) {
        for half in [BlockHalf.words, .scales] {
          tensors.append(
            try PlannedTensor(
              name: tensor.name + half.suffix, type: TensorType(elementType: .u8) ?? .f32,
              shape: half.shape(of: tensor.shape), parts: tensor.parts, half: half))
        }
        continue
      }
      let own = source.format == .gguf ? nil : tensor.parts[0].source.type.elementType
      let type = try type(of: tensor, wanted: own ?? recorded[BinaryString(tensor.name)] ?? tensor.declared)
      tensors.append(try PlannedTensor(name: tensor.name, type: type, shape: tensor.shape, parts: tensor.parts))
    }
    let documents: [(name: String, bytes: [UInt8])]
    if let folder = source.folder {
      var carried = CarriedDocuments(model: written(model), folder: folder, type: options.recipe.base?.elementType)
      documents = try carried.all()
      notes += carried.notes
    } else {
      var restored = RestoredDocuments(
        model: written(model), text: source, vision: projector, type: Self.usualType(tensors))
      documents = try restored.all()
      notes += restored.notes + [TokenizerSource.split(of: source).note].compactMap { $0 }
    }
    let path = options.output ?? Naming.stem(of: source.folder?.path ?? source.path) + "-safetensors"
    return try PlannedFile(
      folder: path, tensors: tensors, documents: documents, shardSize: options.splitSize ?? 5_000_000_000)
  }

  /// The type in which most weights of matrices are written.
  private static func usualType(_ tensors: [PlannedTensor]) -> ElementType? {
    var counts: [ElementType: Int] = [:]
    for tensor in tensors where tensor.shape.rank >= 2 {
      if let type = tensor.type.elementType { counts[type, default: 0] += tensor.shape.elementCount }
    }
    return counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key
  }

  /// The type asked for, which vectors do not take; else one that loses nothing.
  private mutating func type(of tensor: GatheredTensor, wanted: ElementType) throws(CheckpointError) -> TensorType {
    for source in tensor.parts.map(\.source) { _ = try source.type.requiredCodec() }
    if let asked = options.recipe.base, tensor.shape.rank >= 2 { return asked }
    if let step = tensor.parts[0].steps.first(where: \.transform.changesValues) {
      return try typeOfTransformed(step.transform, tensor.parts[0].source, wanted)
    }
    // The wanted type where it holds every value exactly; else the stored type, or F32 for blocks.
    for source in tensor.parts.map(\.source) where try !source.fits(wanted, threads: threads) {
      return source.type.isBlock ? .f32 : source.type
    }
    return TensorType(elementType: wanted) ?? .f32
  }

  /// The wanted type where every stored value has a preimage in it; else F32.
  private mutating func typeOfTransformed(
    _ transform: TensorTransform, _ source: TensorEntry, _ wanted: ElementType
  ) throws(CheckpointError) -> TensorType {
    let values = try source.readFloats(finite: true)
    if transform == .negativeExponential, let index = values.firstIndex(where: { !($0 < 0) }) {
      throw source.failure(.malformed, "value \(index) is \(values[index]); decay rates are negative")
    }
    func lost(_ type: ElementType) -> Int {
      values.count { TransformSteps.preimage($0, of: transform, in: type) == nil }
    }
    if lost(wanted) == 0 { return TensorType(elementType: wanted) ?? .f32 }
    let count = lost(.f32)
    if count > 0 { notes.append("\(source.name): \(count) values have no exact origin; the nearest is written") }
    return .f32
  }
}
