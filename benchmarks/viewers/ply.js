// splats.ply as a web viewer of 3D Gaussian splats shows it.
import * as THREE from "three";
import * as Splats from "splats-3d";

export async function look(task, answer) {
  const renderer = new THREE.WebGLRenderer({ antialias: false, preserveDrawingBuffer: true });
  renderer.setSize(task.size, task.size);
  renderer.setClearColor(task.background, 1);
  document.body.appendChild(renderer.domElement);
  const camera = new THREE.PerspectiveCamera(task.fov, 1, 0.01, 100);
  camera.up.fromArray(task.up);
  camera.position.fromArray(task.eye);
  camera.lookAt(...task.target);
  camera.updateMatrixWorld(true);
  const viewer = new Splats.Viewer({
    selfDrivenMode: false,
    useBuiltInControls: false,
    renderer,
    camera,
    gpuAcceleratedSort: false,
    sharedMemoryForWorkers: false,
    sphericalHarmonicsDegree: 1,
    sceneRevealMode: Splats.SceneRevealMode.Instant,
    logLevel: Splats.LogLevel.None,
  });
  await viewer.addSplatScene(task.file, { showLoadingUI: false, progressiveLoad: false });
  for (let frame = 0; frame < 40; frame++) {  // its sorting goes on beside the drawing
    viewer.update();
    viewer.render();
    await new Promise((done) => setTimeout(done, 50));
  }
  answer.nodes.push({});
  answer.pictures.push(renderer.domElement.toDataURL("image/png"));
}
