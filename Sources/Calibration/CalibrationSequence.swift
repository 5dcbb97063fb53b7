import Base
import Engine
import Evaluation
import Runtime

/// One sequence that a model reads while it is calibrated: a window of a text, or a prompt with pictures and what was answered.
package struct CalibrationSequence: Sendable {
  /// All tokens, those of pictures written out.
  package let tokens: [Int32]
  /// Positions whose predictions are compared, ascending; the last token is none of them.
  package let scored: [Int]
  private let picture: (prompt: PicturePrompt, seen: PictureRows)?

  /// A window of a text.
  package init(_ window: TokenWindow) {
    (tokens, scored, picture) = (window.tokens, window.scored, nil)
  }

  /// A prompt with pictures, what a vision encoder made of them, and the answer to it.
  package init(_ prompt: PicturePrompt, seen: PictureRows, answer: [Int32]) {
    tokens = prompt.tokens + answer
    scored = Array(max(0, prompt.tokens.count - 1)..<max(0, tokens.count - 1))
    picture = (prompt, seen)
  }

  /// What the first layer of a model reads, in memory of its own; its table may be replaced.
  ///
  /// - Throws: `mismatch` for tokens beyond the model's table.
  func input(of model: any LanguageModel, replaced: [String: WeightMatrix]) throws(CheckpointError) -> InputRows {
    guard let picture else {
      return InputRows(try model.embed(tokens, replaced: replaced), at: Positions(text: tokens.count, from: 0))
    }
    return try picture.prompt.input(
      of: model, seen: picture.seen, followedBy: Array(tokens[picture.prompt.tokens.count...]), replaced: replaced)
  }
}
