// asset.glb as three.js shows it, its animation at several times.
import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

export async function look(task, answer) {
  const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  renderer.setSize(task.size, task.size);
  document.body.appendChild(renderer.domElement);
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(task.background);
  scene.add(new THREE.HemisphereLight(0xffffff, 0xbbbbbb, 2.2));
  const sun = new THREE.DirectionalLight(0xffffff, 1.5);
  sun.position.set(1, 2, 3);
  scene.add(sun);

  const gltf = await new GLTFLoader().loadAsync(task.file);
  scene.add(gltf.scene);
  answer.animations = gltf.animations.map((clip) => ({ name: clip.name, tracks: clip.tracks.length, duration: clip.duration }));
  const mixer = new THREE.AnimationMixer(gltf.scene);
  for (const clip of gltf.animations) {
    const action = mixer.clipAction(clip);
    action.setLoop(THREE.LoopOnce);
    action.clampWhenFinished = true;
    action.play();
  }
  const camera = new THREE.PerspectiveCamera(task.fov, 1, 0.01, 100);
  camera.position.fromArray(task.eye);
  camera.lookAt(...task.target);
  for (const time of task.times) {
    mixer.setTime(time);
    scene.updateMatrixWorld(true);
    const nodes = {};
    gltf.scene.traverse((object) => { nodes[object.name] = object.matrixWorld.toArray(); });
    renderer.render(scene, camera);
    answer.nodes.push(nodes);
    answer.pictures.push(renderer.domElement.toDataURL("image/png"));
  }
}
