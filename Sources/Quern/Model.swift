import Architectures
import Base
import Containers
import Quants

/// A model on disk: what its files say it is.
///
/// Opening reads headers and small documents, never weights, and checks them: every length, count and offset was validated when you hold
/// a `Model`. It is a value; the files stay open as long as one of its copies lives.
///
/// ```swift
/// let model = try Model("Qwen3.5-0.8B")
/// print(model.architecture, model.parameterCount, model.bitsPerWeight)
/// ```
public struct Model: Sendable {
  /// The container a model lies in.
  public enum Container: String, Sendable, CaseIterable {
    /// One `.safetensors` file, or several by an index, without a configuration.
    case safetensors
    /// One GGUF file, or the parts of a split one.
    case gguf
    /// A Hugging Face folder: weights, `config.json` and the tokenizer's files.
    case huggingFace
  }

  let checkpoint: Checkpoint

  /// Opens a model and validates its headers.
  ///
  /// - Parameter source: a Hugging Face folder, a `.safetensors` file or its index, a `.gguf` file (any part of a split one), a folder that
  ///   holds one of these, or an `owner/name` id that is present in the local Hugging Face cache. Its content decides what it is.
  /// - Throws: `missing` when there is no such file, `malformed` when a header breaks a rule of its format, `unsupported` for other
  ///   content, which the message names.
  public init(_ source: String) throws(QuernError) {
    checkpoint = try told { () throws(CheckpointError) in try Containers.open(source) }
  }

  /// The file or folder as it was named, or as the local cache resolved it.
  public var path: String { checkpoint.path }

  /// The container, by content.
  public var container: Container {
    switch checkpoint.format {
    case .safetensors: .safetensors
    case .gguf: .gguf
    case .huggingFace: .huggingFace
    }
  }

  /// What the model says it is, for example `qwen3_5` in `config.json` or `qwen35` in a GGUF; not validated.
  public var architecture: String { Architectures.claimed(checkpoint) }

  /// Whether the architecture is one that can be converted from a Hugging Face folder, and run.
  public var isKnown: Bool { Architectures.family(of: checkpoint) != nil }

  /// All tensors, in the order their bytes have in the files.
  public var tensors: [ModelTensor] { checkpoint.tensors.map { ModelTensor($0) } }

  /// The number of weights of all tensors together.
  public var parameterCount: UInt64 { checkpoint.parameterCount }

  /// The stored bytes of all tensors together, headers left out.
  public var byteCount: UInt64 { checkpoint.totalBytes }

  /// Bits that one weight takes on average, scales of blocks included; 0 for a model without weights.
  public var bitsPerWeight: Double {
    parameterCount == 0 ? 0 : Double(byteCount) * 8 / Double(parameterCount)
  }

  /// What was odd about the files and what was made of that, one sentence each; not escaped.
  public var notes: [String] { checkpoint.notes }
}

/// One tensor of a model, as its file describes it.
public struct ModelTensor: Sendable {
  /// Its name in the file, any text of its author's; not escaped.
  public let name: String
  /// How its weights are stored.
  public let type: WeightType
  /// Its dimensions, outermost first: a matrix is `[rows, columns]`, whatever order the file writes them in.
  public let shape: [Int]
  /// The file that holds it.
  public let file: String
  /// Where its bytes begin in ``file``.
  public let offset: UInt64
  /// Its stored bytes.
  public let byteCount: Int

  init(_ entry: TensorEntry) {
    name = entry.name
    type = WeightType(entry.type)
    shape = entry.shape.dimensions
    file = entry.file.path
    offset = entry.offset
    byteCount = entry.byteCount
  }
}
