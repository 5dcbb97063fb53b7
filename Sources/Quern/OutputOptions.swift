import Conversion

/// Where outputs go, and what is in them.
public struct OutputOptions: Sendable {
  /// The file or folder to write; named by the convention of GGUF files, in the current folder, if nil.
  public var path: String?
  /// Where the vision encoder of a model with one goes (`mmproj`, a GGUF of its own); beside ``path`` by the convention if nil.
  public var visionPath: String?
  /// The type of the vision encoder's matrices; F16 in a quantization if nil, that of the text model in a conversion.
  public var visionType: WeightType?
  /// Whether the vision encoder is written.
  public var includesVision = true
  /// Whether the block that predicts several tokens at once (MTP) is written.
  public var includesPredictionBlock = true
  /// Tensors that have no place in the model and are left out: regular expressions over their names.
  ///
  /// A tensor without a place that
  /// nobody leaves out is an error.
  public var leaveOut: [String] = []
  /// The most bytes of one file; nil for a single file.
  public var splitBytes: UInt64?
  /// Whether files that exist may be replaced.
  ///
  /// The old ones stay until the new ones are complete.
  public var overwrite = false

  /// Everything that the model has, in one place.
  public init(path: String? = nil) { self.path = path }

  func options(_ base: ConversionOptions) -> ConversionOptions {
    var options = base
    options.output = path
    options.visionOutput = visionPath
    options.visionType = visionType?.type
    options.vision = includesVision
    options.mtp = includesPredictionBlock
    options.leaveOut = leaveOut
    options.splitSize = splitBytes
    options.overwrite = overwrite
    return options
  }
}
