import Base
import Engine
import Runtime
import Tokenizers

/// What a file keeps of the predictions at one position.
package protocol RecordedRow: Sendable {
  /// Compares with the predictions of a model after, at a position where the text goes on with `token`.
  func comparison(with after: LogitRow, token: Int32) throws(CheckpointError) -> PositionComparison
}

/// A file that stands for the model before: a baseline, or a base file of llama-perplexity.
protocol RecordedPredictions: Sendable {
  var reference: Validation.Reference { get }
  /// The model that was recorded, as far as the file tells.
  var model: Validation.Model { get }
  var vocabularySize: Int { get }
  var context: Int { get }
  /// Windows of each text.
  var windows: [Int] { get }

  /// Refuses a model whose tokenizer is not that of the file, as far as the file tells.
  func check(_ after: OpenedModel) throws(CheckpointError)
  /// A text of the file, its first windows.
  func text(_ index: Int, windows: Int, _ tokenizer: Tokenizer) throws(CheckpointError) -> TextWindows
  /// What is known at the scored positions of a window.
  func rows(text: Int, window: Int) throws(CheckpointError) -> [any RecordedRow]
}

/// A file that was opened in place of the model before.
package struct OpenedRecord: Sendable {
  let content: any RecordedPredictions

  /// Whether a file says by its content that it is one; nil for everything else, which is opened as a model.
  package init?(_ path: String) throws(CheckpointError) {
    guard let start = Self.beginning(of: path) else { return nil }
    if start == Baseline.magic {
      content = try Baseline(path: path)
    } else if start == LlamaBase.magic {
      content = try LlamaBase(path: path)
    } else {
      return nil
    }
  }

  /// What errors and results call it.
  package var name: String { content.reference.file }
  /// Tokens of its windows, at most.
  package var context: Int { content.context }
  package var isBaseline: Bool { content.reference.kind == .baseline }

  /// The first eight bytes of a file; nil for a folder and for what is not there or shorter.
  private static func beginning(of path: String) -> [UInt8]? {
    guard let status = try? FileStatus(of: path), status.kind == .file else { return nil }
    return try? InputFile(path: path).readBytes(at: 0, count: Baseline.magic.count)
  }
}

extension Validation {
  /// What stood for the model before.
  package struct Reference: Sendable {
    package enum Kind: String, Sendable {
      case baseline
      case llamaPerplexity = "llama-perplexity"
    }

    package let kind: Kind
    /// As it was named.
    package let file: String
    package let sha256: String
    /// Tokens kept of each position; nil where it is all of them, rounded.
    package let entries: Int?
  }
}
