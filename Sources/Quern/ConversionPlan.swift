import Base
import Containers
import Conversion

/// Everything a conversion or quantization is going to do, complete before a byte is written.
///
/// A plan is a value: look at its tensors, then run it or drop it.
public struct ConversionPlan: Sendable {
  /// One file or folder that is going to be written.
  public struct Output: Sendable {
    /// Where; of a split file, the name its parts are called after.
    public let path: String
    /// Its bytes, headers included.
    public let byteCount: UInt64
    /// Its tensors, in the order they will have.
    public let tensors: [Tensor]

    /// Bits that one weight will take on average.
    public var bitsPerWeight: Double {
      let weights = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
      return weights == 0 ? 0 : Double(tensors.reduce(0) { $0 + $1.byteCount }) * 8 / Double(weights)
    }
  }

  /// One tensor of an output.
  public struct Tensor: Sendable {
    /// Its name in the output.
    public let name: String
    /// The names in the source of what it is made of; none for one whose values are computed.
    public let sources: [String]
    /// Its type in the source (the same where its values are computed), and in the output.
    public let typeBefore, type: WeightType
    /// Its shape in the output, outermost first.
    public let shape: [Int]
    /// Its bytes in the output.
    public let byteCount: Int
    /// Whether importance decides how it is rounded.
    public let usesImportance: Bool
    /// Why it gets another type than the recipe names, where it does.
    public let note: String?
  }

  private let plan: Plan

  init(_ plan: Plan) { self.plan = plan }

  /// What will be written: the text model first, then the vision encoder.
  public var outputs: [Output] {
    plan.files.map { file in
      Output(
        path: file.path, byteCount: file.bytes,
        tensors: file.tensors.map { tensor in
          Tensor(
            name: tensor.name, sources: tensor.sources.map(\.name),
            typeBefore: WeightType(tensor.sources.first?.type ?? tensor.type),
            type: WeightType(tensor.type), shape: tensor.shape.dimensions, byteCount: tensor.byteCount,
            usesImportance: tensor.guidance != .none, note: tensor.note)
        })
    }
  }

  /// Stored bytes that will be read.
  public var bytesIn: UInt64 { plan.bytesIn }
  /// Bytes of all outputs together.
  public var bytesOut: UInt64 { plan.bytesOut }
  /// What was found out and decided on the way, one sentence each; not escaped.
  public var notes: [String] { plan.notes }

  /// Refuses what can be known to fail, without writing anything; ``run(threads:progress:isCancelled:)`` begins with it.
  ///
  /// - Throws: `exists` for an output that is there and may not be replaced or is read, `noSpace` when the disk is too full.
  public func check() throws(QuernError) {
    try told { () throws(CheckpointError) in try plan.check() }
  }

  /// Does what the plan says, in one pass and in bounded memory (under 600 MiB, whatever the model's size).
  ///
  /// The bytes of the outputs do not depend on the machine or on `threads`. Outputs appear under their names when all are complete and on
  /// disk; when anything fails, or the work is cancelled, nothing appears.
  ///
  /// - Parameters:
  ///   - threads: how many to use, at least one; all processors if nil.
  ///   - progress: told after each piece, on the calling thread.
  ///   - isCancelled: asked before each piece, from several threads, whether to stop; a cancelled `Task` stops too.
  /// - Returns: the files that now exist.
  /// - Throws: `cancelled` as soon as that is noticed, what ``check()`` throws, `inputOutput` when the system refuses to read or write,
  ///   `malformed` when a weight is not a number.
  @discardableResult
  public func run(
    threads: Int? = nil, progress: ((WorkProgress) -> Void)? = nil, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(QuernError) -> [OutputFile] {
    let report = try told(unless: isCancelled) { () throws(CheckpointError) in
      try plan.run(threads: threads ?? Threads.available) { state in
        progress?(WorkProgress(done: Double(state.bytesDone), total: Double(state.bytesTotal), tensor: state.tensor))
      }
    }
    return report.files.map { OutputFile(path: $0.path, byteCount: $0.bytes) }
  }
}

/// A file that was written.
public struct OutputFile: Sendable, Hashable {
  /// Where it is.
  public let path: String
  /// Its length in bytes.
  public let byteCount: UInt64
}

/// How far a piece of work is.
public struct WorkProgress: Sendable {
  /// What is done, of ``total``: bytes of a plan, windows of an evaluation.
  public let done: Double
  /// All there is to do.
  public let total: Double
  /// The tensor that is being written; nil where none is.
  public let tensor: String?

  /// From 0 to 1.
  public var fraction: Double { total > 0 ? min(1, done / total) : 1 }
}

extension Model {
  /// Plans to write the model in another container, or with other number types.
  ///
  /// A Hugging Face folder becomes a GGUF, its vision encoder a second one beside it (`mmproj`); a GGUF becomes a Hugging Face folder,
  /// and so does a folder, with the names, shards and documents that its family publishes.
  ///
  /// - Parameters:
  ///   - container: ``Container/gguf`` or ``Container/huggingFace``.
  ///   - type: what every weight matrix becomes; nil keeps the types of the source.
  ///   - output: where it goes.
  /// - Returns: a plan, to be looked at and run.
  /// - Throws: `unsupported` for a family that is not known or a conversion that is not, `missing` or `mismatch` when the tensors are
  ///   not those of the family, by name. Nothing has been written then.
  public func conversionPlan(
    to container: Container = .gguf, type: WeightType? = nil, output: OutputOptions = OutputOptions()
  ) throws(QuernError) -> ConversionPlan {
    var options = output.options(.convert(to: type?.type))
    options.target = container == .gguf ? .gguf : .safetensors
    return try plan(options)
  }

  /// Plans to pack the model's weights into fewer bits, as GGUF.
  ///
  /// - Parameters:
  ///   - recipe: which type every tensor gets.
  ///   - importance: how much each column matters; recipes of about two bits and less need it.
  ///   - output: where it goes.
  /// - Returns: a plan, to be looked at and run.
  /// - Throws: what ``conversionPlan(to:type:output:)`` throws; `missing` for a type that needs importance, with the tensor's name.
  public func quantizationPlan(
    _ recipe: WeightRecipe, importance: ColumnImportance? = nil, output: OutputOptions = OutputOptions()
  ) throws(QuernError) -> ConversionPlan {
    var options = output.options(.quantize(recipe.recipe))
    options.guide = importance?.guide
    return try plan(options)
  }

  private func plan(_ options: ConversionOptions) throws(QuernError) -> ConversionPlan {
    ConversionPlan(try told { () throws(CheckpointError) in try Conversion.plan([checkpoint], options: options) })
  }
}
