import Architectures
import ArgumentParser
import Evaluation
import Base

/// Which pictures models are shown, and what they are asked.
struct PictureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A picture (PNG or JPEG), or a folder of pictures; repeatable. A captions.json in the folder says what they show. Without it "
        + "the built-in pictures are shown.", valueName: "path"))
  var images: [String] = []

  @Flag(help: "Show no pictures.")
  var noImages = false

  @Option(
    help: ArgumentHelp(
      "What is asked about each picture; repeatable. \"\(PictureTask.prompt)\" unless given.", valueName: "text"))
  var prompt: [String] = []

  func validate() throws {
    if noImages, !images.isEmpty { throw ValidationError("--no-images and --images exclude each other.") }
    if noImages, !prompt.isEmpty { throw ValidationError("--prompt asks about pictures; leave out --no-images.") }
    for (index, text) in prompt.enumerated() {
      if text.isEmpty { throw ValidationError("--prompt is empty.") }
      if prompt[..<index].contains(text) { throw ValidationError("--prompt \"\(text)\" is given twice.") }
      if Architectures.all.contains(where: { text.ranges(of: $0.picture?.place ?? text).count > 1 }) {
        throw ValidationError("--prompt has room for several pictures, and each is asked about one.")
      }
    }
  }

  /// Who names pictures or questions wants answers.
  var wish: ComparedModels.Wish { noImages ? .none : images.isEmpty && prompt.isEmpty ? .ifPossible : .required }

  /// The pictures that were named; the built-in ones are read when they are needed.
  ///
  /// - Throws: an error that names the one that cannot be read.
  func read() throws(CheckpointError) -> [ShownPicture] { try ShownPicture.all(images) }

  /// What is asked about pictures that were read; nil where there is nothing that sees.
  func task(_ pictures: [ShownPicture], _ sight: Sight?) throws(CheckpointError) -> PictureTask? {
    guard let sight else { return nil }
    let prompts = prompt.isEmpty ? [PictureTask.prompt] : prompt
    guard pictures.isEmpty else { return try PictureTask(sight: sight, pictures: pictures, prompts: prompts) }
    return try PictureTask(
      sight: sight, pictures: BuiltInPictures.all(), prompts: prompts, answerLimit: PictureTask.builtInAnswerLimit)
  }
}
