import Base
import Engine
import Images
import Quants
import Runtime
import Tokenizers

/// Pictures, the questions that are asked about each of them, and the models that are asked.
package struct PictureTask: Sendable {
  package let sight: Sight
  package let pictures: [ShownPicture]
  package let prompts: [String]
  /// Tokens of an answer at most.
  package let answerLimit: Int

  /// What is asked unless told otherwise.
  package static let prompt = "Describe the image."
  /// Tokens of an answer at most, unless told otherwise.
  package static let answerLimit = 64
  /// The same for the built-in pictures, which everybody runs and which are to cost little.
  package static let builtInAnswerLimit = 32

  /// Finds out whether every question can be asked, before any of them is.
  ///
  /// - Throws: `unsupported` for a picture too long for its width, `mismatch` where a question leaves no room for an answer.
  package init(
    sight: Sight, pictures: [ShownPicture], prompts: [String] = [prompt], answerLimit: Int = answerLimit
  ) throws(CheckpointError) {
    precondition(!pictures.isEmpty && !prompts.isEmpty && answerLimit > 0, "something is asked about something")
    self.sight = sight
    self.pictures = pictures
    self.prompts = prompts
    self.answerLimit = answerLimit
    let opened = sight.texts[0]
    var longest = 0
    for prompt in prompts { longest = max(longest, try opened.promptTokens(prompt, raw: sight.isRaw).count) }
    let context = sight.texts.map(\.model.contextLength).min() ?? 0
    let preprocessing = sight.encoders[0].preprocessing
    for picture in pictures {
      do throws(CheckpointError) {
        let size = try preprocessing.smartSize(width: picture.width, height: picture.height)
        let side = preprocessing.patchSize * preprocessing.mergeSize
        let caption = try picture.caption.map { text throws(CheckpointError) in
          try opened.tokenizer.encode(Array(text.utf8)).count
        }
        let tokens = size.width / side * (size.height / side) + longest + 2 + max(answerLimit, caption ?? 0)
        guard tokens <= context else {
          throw CheckpointError(
            .mismatch,
            "picture, question and answer would have \(tokens) tokens, and the models are made for \(context); take a "
              + "smaller picture")
        }
      } catch {
        throw error.in(file: picture.name)
      }
    }
  }

  /// Questions in all.
  package var questions: Int { pictures.count * prompts.count }

  /// Asks every question, and compares.
  ///
  /// The text model and the vision encoder before are exact, all others run at `precision`. Figures do not depend on `threads`, to the
  /// last bit. `progress` is called after each question with how many are through.
  package func measure(
    precision: Precision = .exact, threads: Int, kernels: Kernels = .best, progress: (Int) -> Void = { _ in }
  ) throws(CheckpointError) -> (pictures: [ComparedPicture], after: [PictureFidelity]) {
    var comparison = PictureComparison(
      sight, answerLimit: answerLimit, compute: Compute(threads: threads, kernels: kernels), precision: precision)
    var items: [PictureItem] = []
    for (index, picture) in pictures.enumerated() {
      let view = try comparison.view(picture)
      let embeddings = view.rows.compactMap { rows in
        var sums = RowSums()
        sums.add(view.rows[0].rows, rows.rows)
        for (before, after) in zip(view.rows[0].added, rows.added) { sums.add(before, after) }
        return sums.figures
      }
      for prompt in prompts {
        items.append(
          PictureItem(
            picture: index, prompt: prompt, finding: try comparison.ask(prompt, view, caption: picture.caption),
            embeddings: embeddings, otherSizes: view.otherSizes))
        progress(items.count)
      }
    }
    let figures = PictureFigures(task: self, items: items)
    return (items.map(figures.compared), sight.after.indices.map(figures.fidelity))
  }
}

/// What came of one question about one picture.
struct PictureItem {
  let picture: Int
  let prompt: String
  let finding: PictureComparison.Finding
  /// Of the picture, by vision encoder.
  let embeddings: [RowDifference]
  let otherSizes: Set<Int>
}
