import Containers
import Tensors

/// Puts a prompt into the form a chat model was trained on.
///
/// A chat template is a program of a file's author, and files are hostile: it is recognised, never run. The ChatML form
/// that the Qwen family uses is known, with its three ways of opening an answer; anything else is refused by name.
package enum ChatFormat {
  /// One user turn and the opening of the answer.
  ///
  /// - Throws: `missing` when the model has no template, `unsupported` when it is not ChatML.
  package static func userTurn(_ text: String, for checkpoint: Checkpoint) throws(CheckpointError) -> String {
    let template = checkpoint.folder?.chatTemplate ?? checkpoint.metadata.string("tokenizer.chat_template")
    guard let template else {
      throw CheckpointError(
        .missing, "the model has no chat template; use --raw to give the prompt as it is", file: checkpoint.path)
    }
    guard template.contains("<|im_start|>"), template.contains("<|im_end|>") else {
      throw CheckpointError(
        .unsupported, "the chat template is not ChatML, the only one known; use --raw to give the prompt as it is",
        file: checkpoint.path)
    }
    return "<|im_start|>user\n\(text)<|im_end|>\n<|im_start|>assistant\n" + answerOpening(template)
  }

  /// What the template itself writes first in an answer when nobody says whether to think.
  ///
  /// Templates that close the thought unless thinking is asked for test for `true`; those that open it unless thinking is
  /// declined test for `false`.
  private static func answerOpening(_ template: String) -> String {
    guard template.contains("enable_thinking"), template.contains("<think>") else { return "" }
    return template.contains("enable_thinking is true") ? "<think>\n\n</think>\n\n" : "<think>\n"
  }
}
